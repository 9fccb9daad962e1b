/** The store of approvals and grants on SQLite. SqliteStores makes it. */
import * as Schema from "effect/Schema"
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import { Approval, ApprovalGrant } from "../../../domain/Approval.ts"
import type { ApprovalStore } from "../ApprovalStore.ts"
import { step } from "./Step.ts"

type Row = Record<string, SQLOutputValue>

const decodeApproval = Schema.decodeUnknownSync(Schema.fromJsonString(Approval))
const decodeGrant = Schema.decodeUnknownSync(Schema.fromJsonString(ApprovalGrant))

const toApproval = ({ approval }: Row): Approval => decodeApproval(approval)
const toGrant = ({ approval_grant }: Row): ApprovalGrant => decodeGrant(approval_grant)

export const approvalSteps = (db: DatabaseSync): ApprovalStore => {
  const pending = db.prepare("SELECT approval FROM approvals WHERE ended_at IS NULL ORDER BY place")
  const select = db.prepare("SELECT approval FROM approvals WHERE id = ?")
  const ofCall = db.prepare(`SELECT approval FROM approvals WHERE run_id = ? AND digest = ?
    AND (ended_at IS NULL OR (status = 'allowed' AND used_at IS NULL)) ORDER BY place DESC LIMIT 1`)
  const add = db.prepare("INSERT INTO approvals (id, run_id, digest, status, approval) VALUES (?, ?, ?, ?, ?)")
  const resolve = db.prepare(
    "UPDATE approvals SET status = ?, approval = ?, ended_at = ? WHERE id = ? AND ended_at IS NULL",
  )
  const use = db.prepare(
    "UPDATE approvals SET used_at = ? WHERE id = ? AND digest = ? AND status = 'allowed' AND used_at IS NULL",
  )
  const ended = db.prepare(`SELECT place, approval FROM approvals WHERE ended_at IS NOT NULL AND place < ?
    ORDER BY place DESC LIMIT ?`)
  const forget = db.prepare(
    "DELETE FROM approvals WHERE place IN (SELECT place FROM approvals WHERE ended_at < ? ORDER BY ended_at LIMIT ?)",
  )
  const grants = db.prepare("SELECT approval_grant FROM approval_grants ORDER BY place DESC LIMIT ?")
  const grant = db.prepare("SELECT approval_grant FROM approval_grants WHERE id = ?")
  const grantFor = db.prepare(
    "SELECT approval_grant FROM approval_grants WHERE digest = ? AND revoked_at IS NULL ORDER BY place LIMIT 1",
  )
  const putGrant = db.prepare(`INSERT INTO approval_grants (id, digest, approval_grant, revoked_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET approval_grant = excluded.approval_grant, revoked_at = excluded.revoked_at`)

  const one = <A>(row: Row | undefined, decode: (row: Row) => A) => (row === undefined ? undefined : decode(row))

  return {
    pending: step(() => pending.all().map(toApproval)),
    get: (id) => step(() => one(select.get(id), toApproval)),
    ofCall: (runId, digest) => step(() => one(ofCall.get(runId, digest), toApproval)),
    add: (approval) =>
      step(() => {
        const { digest, id, runId, status } = approval
        add.run(id, runId, digest, status, JSON.stringify(approval))
      }),
    resolve: (approval) =>
      step(() => {
        const { id, resolvedAt, status } = approval
        return resolve.run(status, JSON.stringify(approval), resolvedAt, id).changes > 0
      }),
    use: (id, digest, at) => step(() => use.run(at, id, digest).changes > 0),
    ended: (before, limit) =>
      step(() => ended.all(before, limit).map((row) => ({ place: Number(row["place"]), approval: toApproval(row) }))),
    forget: (before, limit) => step(() => Number(forget.run(before, limit).changes)),
    grants: (limit) => step(() => grants.all(limit).map(toGrant)),
    grant: (id) => step(() => one(grant.get(id), toGrant)),
    grantFor: (digest) => step(() => one(grantFor.get(digest), toGrant)),
    putGrant: (grant, digest) =>
      step(() => {
        putGrant.run(grant.id, digest, JSON.stringify(grant), grant.revokedAt)
      }),
  }
}
