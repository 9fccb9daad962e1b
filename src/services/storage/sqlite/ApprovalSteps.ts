/** The store of approvals and grants on SQLite. SqliteStores makes it. */
import * as Schema from "effect/Schema"
import type { DatabaseSync } from "node:sqlite"
import { Approval, ApprovalGrant } from "../../../domain/Approval.ts"
import type { ApprovalStore } from "../ApprovalStore.ts"
import { APPROVALS } from "../RequestStore.ts"
import { one, requestSteps, type Row } from "./RequestSteps.ts"
import { step } from "./Step.ts"

const decodeApproval = Schema.decodeUnknownSync(Schema.fromJsonString(Approval))
const decodeGrant = Schema.decodeUnknownSync(Schema.fromJsonString(ApprovalGrant))

const toGrant = ({ approval_grant }: Row): ApprovalGrant => decodeGrant(approval_grant)

export const approvalSteps = (db: DatabaseSync): ApprovalStore => {
  const grants = db.prepare("SELECT approval_grant FROM approval_grants ORDER BY place DESC LIMIT ?")
  const grant = db.prepare("SELECT approval_grant FROM approval_grants WHERE id = ?")
  const grantFor = db.prepare(`SELECT approval_grant FROM approval_grants WHERE digest = ? AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > ?) ORDER BY place DESC LIMIT 1`)
  const putGrant = db.prepare(`INSERT INTO approval_grants (id, digest, approval_grant, revoked_at, expires_at)
    VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET approval_grant = excluded.approval_grant, revoked_at = excluded.revoked_at`)
  return {
    ...requestSteps(db, APPROVALS, decodeApproval),
    grants: (limit) => step(() => grants.all(limit).map(toGrant)),
    grant: (id) => step(() => one(grant.get(id), toGrant)),
    grantFor: (digest, at) => step(() => one(grantFor.get(digest, at), toGrant)),
    putGrant: (grant, digest) =>
      step(() => {
        putGrant.run(grant.id, digest, JSON.stringify(grant), grant.revokedAt, grant.expiresAt ?? null)
      }),
  }
}
