/**
 * The changes of approvals and grants, as works for Events.commit. Each approval ends once, and each allowed one is used
 * once. Approvals commits them.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { MAIN_AGENT } from "../../domain/Agent.ts"
import {
  type Approval,
  ApprovalClosed,
  ApprovalExists,
  type ApprovalDecision,
  type ApprovalGrant,
  ApprovalNotFound,
  type ApprovalStatus,
  DecisionUnavailable,
  everyDecision,
  GrantNotFound,
  type PluginRequest,
} from "../../domain/Approval.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { type Change, Tx } from "../storage/Tx.ts"
import type { ApprovalRequest } from "../tools/ToolApproval.ts"

const sha256 = (parts: ReadonlyArray<string>): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex")

type Call = Pick<Approval, "agentId" | "sessionKey" | "tool" | "input">

/** Identifies a call: the decision on it holds for no other. */
const callDigest = ({ agentId, input, sessionKey, tool }: Call): string => sha256([agentId, sessionKey, tool, input])

/** Identifies the calls that a grant covers, in every session. */
const grantDigest = ({ agentId, input, tool }: Omit<Call, "sessionKey">): string => sha256([agentId, tool, input])

/** Adds the digest to the facts of an approval that waits for its decision. */
const pending = (facts: Omit<Approval, "digest" | "status" | "decision" | "resolvedBy" | "resolvedAt">): Approval => ({
  ...facts,
  digest: callDigest(facts),
  status: "pending",
  decision: null,
  resolvedBy: null,
  resolvedAt: null,
})

/** Returns the approval that asks for the call. */
export const approvalOf = (request: ApprovalRequest, id: string, createdAt: number, expiresAt: number): Approval => {
  const { agent, callId, decisions = everyDecision, input, runId, sessionKey, tool } = request
  return pending({ id, agentId: agent.id, sessionKey, tool, input, runId, callId, decisions, createdAt, expiresAt })
}

/** The mark before every use: an approval is used once. */
const NEVER = 0

/** The question of a client whether it may act. */
export interface ClientRequest {
  readonly id?: string | undefined
  readonly agentId?: string | undefined
  readonly sessionKey?: string | undefined
  readonly runId?: string | undefined
  readonly callId?: string | undefined
  readonly tool: string
  readonly input: string
  readonly decisions?: ReadonlyArray<ApprovalDecision> | undefined
  readonly plugin?: PluginRequest | undefined
  /** Milliseconds. Left out: `tools.approvalMs`. */
  readonly timeoutMs?: number | undefined
}

/** Returns the approval that a client asks for. */
export const approvalOfClient = (
  request: ClientRequest,
  facts: Pick<Approval, "id" | "createdAt" | "expiresAt"> & { readonly askedBy: string },
): Approval => {
  const { agentId = MAIN_AGENT, callId = "", input, plugin, runId = "", sessionKey = "", tool } = request
  // An operator can always deny.
  const decisions = everyDecision.filter((one) => one === "deny" || (request.decisions?.includes(one) ?? true))
  const asked = pending({ ...facts, agentId, sessionKey, tool, input, runId, callId, decisions })
  return plugin === undefined ? asked : { ...asked, plugin }
}

/** The start of a request: a grant covers the call, or an approval for it exists now. */
export type Asked =
  | { readonly _tag: "Granted" }
  /** The gateway holds as many waiting approvals as it may. */
  | { readonly _tag: "Full" }
  | { readonly _tag: "Asked"; readonly approval: Approval }

/** Counts a use of the grant that covers the call, and returns the grant. Returns `undefined` if none covers it. */
const useGrant = Effect.fnUntraced(function* (approval: Approval) {
  if (!approval.decisions.includes("allow-always")) return undefined
  const { approvals } = yield* Tx
  const digest = grantDigest(approval)
  const grant = yield* approvals.grantFor(digest, approval.createdAt)
  if (grant === undefined) return undefined
  yield* approvals.putGrant({ ...grant, lastUsedAt: approval.createdAt, uses: grant.uses + 1 }, digest)
  return grant
})

/**
 * Adds the approval. A call that asks again after a restart finds its approval: one that waits, or one that was allowed
 * and not used.
 */
export const ask = Effect.fnUntraced(function* (
  approval: Approval,
  isFull: boolean,
): Effect.fn.Return<Change<Asked>, StorageUnavailable, Tx> {
  const { approvals } = yield* Tx
  const known = yield* approvals.ofRun(approval.runId, approval.digest, NEVER)
  if (known !== undefined) return [{ _tag: "Asked", approval: known }, []]
  if ((yield* useGrant(approval)) !== undefined) return [{ _tag: "Granted" }, []]
  if (isFull) return [{ _tag: "Full" }, []]
  yield* approvals.add(approval)
  return [{ _tag: "Asked", approval }, [{ _tag: "ApprovalRequested", approval }]]
})

/** Adds the approval of a client. It ends at once if a grant covers the call. */
export const request = Effect.fnUntraced(function* (
  approval: Approval,
): Effect.fn.Return<Change<Approval>, ApprovalExists | StorageUnavailable, Tx> {
  const { approvals } = yield* Tx
  const { createdAt: at, id } = approval
  if (!(yield* approvals.add(approval))) return yield* new ApprovalExists({ id })
  const grant = yield* useGrant(approval)
  if (grant === undefined) return [approval, [{ _tag: "ApprovalRequested", approval }]]
  const decided = { status: "allowed", decision: "allow-always", resolvedBy: grant.createdBy, resolvedAt: at } as const
  const allowed: Approval = { ...approval, ...decided }
  yield* approvals.resolve(allowed)
  return [allowed, [{ _tag: "ApprovalResolved", approval: allowed }]]
})

/** Uses an allowed approval up. Returns false if another call with the same input has used it. */
export const use = ({ digest, id }: Approval, at: number) =>
  Effect.flatMap(Tx, ({ approvals }) =>
    Effect.map(approvals.use(id, digest, at, NEVER), (isUsed) => [isUsed, []] as const),
  )

export interface Decided {
  /** False if the same decision was made before, or if the decision came too late. */
  readonly applied: boolean
  readonly approval: Approval
}

export interface Verdict {
  readonly id: string
  readonly decision: ApprovalDecision
  readonly by: string
  /** The id of the grant that `allow-always` makes. */
  readonly grantId: string
  /** The days until the grant ends. Undefined: it does not end. */
  readonly grantDays: number | undefined
}

const DAY_MS = 86_400_000

const statusOf: Readonly<Record<ApprovalDecision, ApprovalStatus>> = {
  "allow-once": "allowed",
  "allow-always": "allowed",
  deny: "denied",
}

/** Decides an approval. The first decision counts. An approval whose time is over expires instead. */
export const decide = Effect.fnUntraced(function* (
  { by, decision, grantDays, grantId, id }: Verdict,
  at: number,
): Effect.fn.Return<Change<Decided>, ApprovalNotFound | DecisionUnavailable | StorageUnavailable, Tx> {
  const { approvals } = yield* Tx
  const found = yield* approvals.get(id)
  if (found === undefined) return yield* new ApprovalNotFound({ id, isAmbiguous: false })
  if (found.status !== "pending") return [{ applied: false, approval: found }, []]
  if (!found.decisions.includes(decision)) {
    return yield* new DecisionUnavailable({ id, decision, decisions: found.decisions })
  }
  if (found.expiresAt <= at) {
    const approval: Approval = { ...found, status: "expired", resolvedAt: at }
    yield* approvals.resolve(approval)
    return [{ applied: false, approval }, [{ _tag: "ApprovalResolved", approval }]]
  }
  const approval: Approval = { ...found, status: statusOf[decision], decision, resolvedBy: by, resolvedAt: at }
  yield* approvals.resolve(approval)
  const answer = { applied: true, approval }
  if (decision !== "allow-always") return [answer, [{ _tag: "ApprovalResolved", approval }]]
  const { agentId, input, tool } = approval
  const revocation = { revokedAt: null, revokedBy: null }
  const made = { id: grantId, approvalId: id, agentId, tool, input, createdAt: at, createdBy: by }
  const end = grantDays === undefined ? {} : { expiresAt: at + grantDays * DAY_MS }
  const grant: ApprovalGrant = { ...made, ...revocation, ...end, lastUsedAt: null, uses: 0 }
  yield* approvals.putGrant(grant, grantDigest(approval))
  const resolved = { _tag: "ApprovalResolved", approval } as const
  return [answer, [resolved, { _tag: "ApprovalGrantChanged", grant }]]
})

/** Returns the error of a decision that changes nothing, or `undefined` if it was made or repeats the one before. */
export const closed = ({ applied, approval }: Decided, decision: ApprovalDecision): ApprovalClosed | undefined =>
  applied || approval.decision === decision ? undefined : new ApprovalClosed(approval)

/** Revokes a grant. A repeated revocation changes nothing. */
export const revoke = Effect.fnUntraced(function* (
  id: string,
  by: string,
  at: number,
): Effect.fn.Return<Change<ApprovalGrant>, GrantNotFound | StorageUnavailable, Tx> {
  const { approvals } = yield* Tx
  const found = yield* approvals.grant(id)
  if (found === undefined) return yield* new GrantNotFound({ id })
  if (found.revokedAt !== null) return [found, []]
  const grant: ApprovalGrant = { ...found, revokedAt: at, revokedBy: by }
  yield* approvals.putGrant(grant, grantDigest(grant))
  return [grant, [{ _tag: "ApprovalGrantChanged", grant }]]
})
