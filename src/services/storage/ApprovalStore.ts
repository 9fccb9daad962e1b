/**
 * The rows of approvals and grants, and the steps that a work can take with them. Tx has the stores. Approvals uses them;
 * storage/sqlite and storage/postgres implement them.
 */
import type { Approval, ApprovalGrant } from "../../domain/Approval.ts"
import type { RequestStore } from "./RequestStore.ts"
import type { Stored } from "./Stored.ts"

export interface ApprovalStore extends RequestStore<Approval> {
  /** The newest grants first, with those that no longer hold. */
  grants(limit: number): Stored<ReadonlyArray<ApprovalGrant>>
  grant(id: string): Stored<ApprovalGrant | undefined>
  /** Returns the newest grant with the digest that nobody has revoked and that has not ended by `at`. */
  grantFor(digest: string, at: number): Stored<ApprovalGrant | undefined>
  /** Adds the grant, or changes its uses and its revocation. `digest`: that of agent, tool and input. */
  putGrant(grant: ApprovalGrant, digest: string): Stored<void>
}
