/** The store of approvals and grants on PostgreSQL. PostgresStores makes it. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Approval, ApprovalGrant } from "../../../domain/Approval.ts"
import type { ApprovalStore } from "../ApprovalStore.ts"
import type { Row } from "./PostgresConnection.ts"
import type { Statements } from "./Statements.ts"

const decodeApproval = Schema.decodeUnknownSync(Schema.fromJsonString(Approval))
const decodeGrant = Schema.decodeUnknownSync(Schema.fromJsonString(ApprovalGrant))

const toApproval = (row: Row): Approval => decodeApproval(row["approval"])
const toGrant = (row: Row): ApprovalGrant => decodeGrant(row["approval_grant"])

const one = <A>(row: Row | undefined, decode: (row: Row) => A) => (row === undefined ? undefined : decode(row))

export const approvalSteps = ({ read, write }: Statements): ApprovalStore => ({
  pending: Effect.map(read("SELECT approval FROM approvals WHERE ended_at IS NULL ORDER BY place"), (rows) =>
    rows.map(toApproval),
  ),
  get: (id) => Effect.map(read("SELECT approval FROM approvals WHERE id = $1", [id]), ([row]) => one(row, toApproval)),
  ofCall: (runId, digest) =>
    Effect.map(
      read(
        `SELECT approval FROM approvals WHERE run_id = $1 AND digest = $2
          AND (ended_at IS NULL OR (status = 'allowed' AND used_at IS NULL)) ORDER BY place DESC LIMIT 1`,
        [runId, digest],
      ),
      ([row]) => one(row, toApproval),
    ),
  add: (approval) =>
    Effect.asVoid(
      write("INSERT INTO approvals (id, run_id, digest, status, approval) VALUES ($1, $2, $3, $4, $5)", [
        approval.id,
        approval.runId,
        approval.digest,
        approval.status,
        JSON.stringify(approval),
      ]),
    ),
  resolve: (approval) =>
    Effect.map(
      write(
        `UPDATE approvals SET status = $2, approval = $3, ended_at = $4 WHERE id = $1 AND ended_at IS NULL RETURNING 1`,
        [approval.id, approval.status, JSON.stringify(approval), approval.resolvedAt],
      ),
      (rows) => rows.length > 0,
    ),
  use: (id, digest, at) =>
    Effect.map(
      write(
        `UPDATE approvals SET used_at = $3 WHERE id = $1 AND digest = $2 AND status = 'allowed' AND used_at IS NULL
          RETURNING 1`,
        [id, digest, at],
      ),
      (rows) => rows.length > 0,
    ),
  ended: (before, limit) =>
    Effect.map(
      read(
        `SELECT place, approval FROM approvals WHERE ended_at IS NOT NULL AND place < $1 ORDER BY place DESC LIMIT $2`,
        [before, limit],
      ),
      (rows) => rows.map((row) => ({ place: Number(row["place"]), approval: toApproval(row) })),
    ),
  forget: (before, limit) =>
    Effect.map(
      write(
        `DELETE FROM approvals WHERE place IN (SELECT place FROM approvals WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)
          RETURNING 1`,
        [before, limit],
      ),
      (rows) => rows.length,
    ),
  grants: (limit) =>
    Effect.map(read("SELECT approval_grant FROM approval_grants ORDER BY place DESC LIMIT $1", [limit]), (rows) =>
      rows.map(toGrant),
    ),
  grant: (id) =>
    Effect.map(read("SELECT approval_grant FROM approval_grants WHERE id = $1", [id]), ([row]) => one(row, toGrant)),
  grantFor: (digest) =>
    Effect.map(
      read(
        "SELECT approval_grant FROM approval_grants WHERE digest = $1 AND revoked_at IS NULL ORDER BY place LIMIT 1",
        [digest],
      ),
      ([row]) => one(row, toGrant),
    ),
  putGrant: (grant, digest) =>
    Effect.asVoid(
      write(
        `INSERT INTO approval_grants (id, digest, approval_grant, revoked_at) VALUES ($1, $2, $3, $4)
          ON CONFLICT (id) DO UPDATE SET approval_grant = excluded.approval_grant, revoked_at = excluded.revoked_at`,
        [grant.id, digest, JSON.stringify(grant), grant.revokedAt],
      ),
    ),
})
