/**
 * The rows of approvals and grants, and the steps that a work can take with them. Tx has the stores. Approvals uses them;
 * storage/sqlite and storage/postgres implement them.
 */
import type { Approval, ApprovalGrant } from "../../domain/Approval.ts"
import type { Stored } from "./Stored.ts"

/** A row with its place in the order of the requests. */
export interface PlacedApproval {
  readonly place: number
  readonly approval: Approval
}

export interface ApprovalStore {
  /** The approvals that wait, oldest first. */
  readonly pending: Stored<ReadonlyArray<Approval>>
  get(id: string): Stored<Approval | undefined>
  /** Returns the newest approval for the call of the run that waits, or that is allowed and not used. */
  ofCall(runId: string, digest: string): Stored<Approval | undefined>
  /** Adds an approval that waits. */
  add(approval: Approval): Stored<void>
  /** Writes the end of an approval. Returns false and changes nothing if it no longer waits. */
  resolve(approval: Approval): Stored<boolean>
  /** Uses an allowed approval up. Returns false if it is not allowed, was used before or is for another call. */
  use(id: string, digest: string, at: number): Stored<boolean>
  /** Returns the approvals before the place that no longer wait, newest first. */
  ended(before: number, limit: number): Stored<ReadonlyArray<PlacedApproval>>
  /** Removes approvals that ended before the time. Returns their number, `limit` at most. */
  forget(before: number, limit: number): Stored<number>
  /** The newest grants first, with the revoked ones. */
  grants(limit: number): Stored<ReadonlyArray<ApprovalGrant>>
  grant(id: string): Stored<ApprovalGrant | undefined>
  /** Returns the grant with the digest that nobody has revoked. */
  grantFor(digest: string): Stored<ApprovalGrant | undefined>
  /** Adds the grant, or changes its uses and its revocation. `digest`: that of agent, tool and input. */
  putGrant(grant: ApprovalGrant, digest: string): Stored<void>
}
