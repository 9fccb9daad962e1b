/** The store of approvals and grants on PostgreSQL. PostgresStores makes it. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Approval, ApprovalGrant } from "../../../domain/Approval.ts"
import type { ApprovalStore } from "../ApprovalStore.ts"
import { APPROVALS } from "../RequestStore.ts"
import type { Row } from "./PostgresConnection.ts"
import { one, requestSteps } from "./RequestSteps.ts"
import type { Statements } from "./Statements.ts"

const decodeApproval = Schema.decodeUnknownSync(Schema.fromJsonString(Approval))
const decodeGrant = Schema.decodeUnknownSync(Schema.fromJsonString(ApprovalGrant))

const toGrant = (row: Row): ApprovalGrant => decodeGrant(row["approval_grant"])

export const approvalSteps = (statements: Statements): ApprovalStore => {
  const { read, write } = statements
  return {
    ...requestSteps(statements, APPROVALS, decodeApproval),
    grants: (limit) =>
      Effect.map(read("SELECT approval_grant FROM approval_grants ORDER BY place DESC LIMIT $1", [limit]), (rows) =>
        rows.map(toGrant),
      ),
    grant: (id) =>
      Effect.map(read("SELECT approval_grant FROM approval_grants WHERE id = $1", [id]), ([row]) => one(row, toGrant)),
    grantFor: (digest, at) =>
      Effect.map(
        read(
          `SELECT approval_grant FROM approval_grants WHERE digest = $1 AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > $2) ORDER BY place DESC LIMIT 1`,
          [digest, at],
        ),
        ([row]) => one(row, toGrant),
      ),
    putGrant: (grant, digest) =>
      Effect.asVoid(
        write(
          `INSERT INTO approval_grants (id, digest, approval_grant, revoked_at, expires_at) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (id) DO UPDATE SET approval_grant = excluded.approval_grant, revoked_at = excluded.revoked_at`,
          [grant.id, digest, JSON.stringify(grant), grant.revokedAt, grant.expiresAt ?? null],
        ),
      ),
  }
}
