/**
 * Approvals: asks operators whether a call of a tool may run. Storage holds each approval before anybody sees it, so it
 * survives a restart, and the call that asks again finds it. The run waits without a permit. It implements ToolApproval.
 * The handlers of `approvals.*` and ChatCommands use it, and so do programs that embed the gateway.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { randomUUID } from "node:crypto"
import {
  type Approval,
  APPROVAL_CHARS,
  type ApprovalClosed,
  type ApprovalDecision,
  type ApprovalGrant,
  ApprovalNotFound,
  type DecisionUnavailable,
  GRANT_ROWS,
  type GrantNotFound,
} from "../../domain/Approval.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { RunAdmission } from "../admission/RunAdmission.ts"
import { Events } from "../events/Events.ts"
import { removeInSteps, removeRegularly, retainedSince } from "../events/Retention.ts"
import { Tx } from "../storage/Tx.ts"
import { ToolFailed } from "../tools/AgentTool.ts"
import { type ApprovalRequest, ToolApproval } from "../tools/ToolApproval.ts"
import * as Changes from "./ApprovalChanges.ts"
import { WaitingApprovals } from "./WaitingApprovals.ts"

export class Approvals extends Context.Service<
  Approvals,
  {
    /** Returns the approvals that wait, oldest first. */
    readonly waiting: () => ReadonlyArray<Approval>
    /** Returns an approval by its id, or by the beginning of the id if it waits. */
    get(id: string): Effect.Effect<Approval, ApprovalNotFound | StorageUnavailable>
    /** Returns approvals that no longer wait, newest first, and the place to continue from or null. */
    history(
      before: number | undefined,
      limit: number,
    ): Effect.Effect<{ readonly approvals: ReadonlyArray<Approval>; readonly next: number | null }, StorageUnavailable>
    /**
     * Decides an approval. `by`: the id of the principal. The first decision counts: the same one again changes nothing
     * and returns `applied: false`, another one fails with `ApprovalClosed`. So does a decision that comes too late.
     */
    decide(
      id: string,
      decision: ApprovalDecision,
      by: string,
    ): Effect.Effect<Changes.Decided, ApprovalNotFound | ApprovalClosed | DecisionUnavailable | StorageUnavailable>
    /** The newest grants, also the revoked ones. */
    readonly grants: Effect.Effect<ReadonlyArray<ApprovalGrant>, StorageUnavailable>
    /** Revokes a grant. `by`: the id of the principal. */
    revoke(id: string, by: string): Effect.Effect<ApprovalGrant, GrantNotFound | StorageUnavailable>
  }
>()("causeway/services/approvals/Approvals") {
  /** Provides ToolApproval too: build Tools and the runtimes on it. */
  static readonly layer: Layer.Layer<Approvals, StorageUnavailable, Events | GatewayConfig | RunAdmission> =
    Layer.effectContext(Effect.suspend(() => make))
}

/** A full disk may get room again. */
const untilStorageIsBack = Schedule.spaced("5 seconds")

const make = Effect.gen(function* () {
  const { limits, tools } = yield* GatewayConfig
  const admission = yield* RunAdmission
  const events = yield* Events
  const waiting = new WaitingApprovals()

  const stored = (id: string) => events.read(Effect.flatMap(Tx, ({ approvals }) => approvals.get(id)))

  const end = Effect.fnUntraced(function* (id: string, status: "expired" | "cancelled") {
    yield* events.commit(Changes.end(id, status, yield* Clock.currentTimeMillis))
  }, Effect.retry(untilStorageIsBack))

  const expireInTime = Effect.fnUntraced(
    function* ({ expiresAt, id }: Approval) {
      const resolved = waiting.resolved(id)
      if (resolved === undefined) return
      const leftMs = Math.max(0, expiresAt - (yield* Clock.currentTimeMillis))
      if ((yield* Effect.timeoutOption(resolved, leftMs))._tag === "None") yield* end(id, "expired")
    },
    (effect) => Effect.ignore(effect),
  )

  const scope = yield* Effect.scope
  const runFork = Effect.runForkWith(yield* Effect.context())
  const background = (effect: Effect.Effect<unknown>) => runFork(Effect.forkIn(effect, scope))
  const cancel = (ids: ReadonlyArray<string>) =>
    Effect.ignore(Effect.forEach(ids, (id) => end(id, "cancelled"), { discard: true }))

  yield* events.onEvent(({ event }) => {
    waiting.apply(event)
    if (event._tag === "ApprovalRequested") background(expireInTime(event.approval))
    if (event._tag !== "RunEnded" || waiting.size === 0) return
    const ids = waiting.list(event.runId).map(({ id }) => id)
    if (ids.length > 0) background(cancel(ids))
  })

  // A run may have ended just before the gateway did.
  const [pending, open] = yield* events.read(
    Effect.flatMap(Tx, ({ approvals, turns }) => Effect.all([approvals.pending, turns.open()])),
  )
  const openRuns = new Set(open.map(({ runId }) => runId))
  for (const approval of pending) {
    waiting.add(approval)
    background(openRuns.has(approval.runId) ? expireInTime(approval) : cancel([approval.id]))
  }

  /** Waits for the end of an approval, outside of the running runs. */
  const resolved = (approval: Approval) =>
    Effect.suspend(() => {
      if (approval.status !== "pending") return Effect.succeed(approval)
      const resolved = waiting.resolved(approval.id)
      if (resolved !== undefined) return admission.outside(approval.runId)(resolved)
      return Effect.map(stored(approval.id), (known) => known ?? approval)
    })

  /** Shows in the conversation that the call waits. */
  const showIn = ({ decisions, id }: Approval, { agent, callId, runId, sessionKey }: ApprovalRequest) => {
    const text = `Waits for an operator: /approve ${id} ${decisions.join(" | ")}`
    events.publishLive({ _tag: "ToolUpdated", sessionKey, runId, agentId: agent.id, callId, text })
  }

  const approve = Effect.fn("Approvals.approve")(
    function* (request: ApprovalRequest) {
      if (request.input.length > APPROVAL_CHARS) return yield* refused(request.tool, tooLong)
      while (true) {
        const at = yield* Clock.currentTimeMillis
        const made = Changes.approvalOf(request, randomUUID(), at, at + tools.approvalMs)
        const asked = yield* events.commit(Changes.ask(made, waiting.size >= limits.approvals))
        if (asked._tag === "Granted") return
        if (asked._tag === "Full") return yield* refused(request.tool, tooMany(limits.approvals))
        if (asked.approval.status === "pending") showIn(asked.approval, request)
        const approval = yield* resolved(asked.approval)
        if (approval.status !== "allowed") return yield* refused(request.tool, reasonOf(approval))
        // The last step before the call: a crash after it never runs the call again.
        if (yield* events.commit(Changes.use(approval, yield* Clock.currentTimeMillis))) return
      }
    },
    (effect, { tool }) => Effect.catchTag(effect, "StorageUnavailable", () => refused(tool, notStored)),
  )

  /** Returns the whole id of an approval that waits, or the text itself. */
  const idOf = (text: string): Effect.Effect<string, ApprovalNotFound> => {
    const [id = text, ...others] = waiting.matching(text)
    return others.length === 0 ? Effect.succeed(id) : Effect.fail(new ApprovalNotFound({ id: text, isAmbiguous: true }))
  }

  const get = Effect.fn("Approvals.get")(function* (text: string) {
    const id = yield* idOf(text)
    return (yield* stored(id)) ?? (yield* new ApprovalNotFound({ id, isAmbiguous: false }))
  })

  const decide = Effect.fn("Approvals.decide")(function* (text: string, decision: ApprovalDecision, by: string) {
    const verdict = { id: yield* idOf(text), decision, by, grantId: randomUUID() }
    const decided = yield* events.commit(Changes.decide(verdict, yield* Clock.currentTimeMillis))
    const error = Changes.closed(decided, decision)
    return error === undefined ? decided : yield* error
  })

  const history = Effect.fn("Approvals.history")(function* (before = Number.MAX_SAFE_INTEGER, limit: number) {
    const rows = yield* events.read(Effect.flatMap(Tx, ({ approvals }) => approvals.ended(before, limit)))
    const next = rows.length < limit ? null : (rows.at(-1)?.place ?? null)
    return { approvals: rows.map(({ approval }) => approval), next }
  })

  const revoke = Effect.fn("Approvals.revoke")(function* (id: string, by: string) {
    return yield* events.commit(Changes.revoke(id, by, yield* Clock.currentTimeMillis))
  })

  const removeOld = Effect.flatMap(retainedSince, (before) =>
    removeInSteps(({ approvals }, limit) => approvals.forget(before, limit)),
  )
  yield* removeRegularly("approvals", removeOld, "10 minutes")

  const service = Approvals.of({
    waiting: () => waiting.list(),
    get,
    history,
    decide,
    grants: events.read(Effect.flatMap(Tx, ({ approvals }) => approvals.grants(GRANT_ROWS))),
    revoke,
  })
  return Context.add(Context.make(Approvals, service), ToolApproval, { approve })
})

const refused = (tool: string, reason: string) =>
  Effect.fail(new ToolFailed({ message: `The tool "${tool}" did not run: ${reason}` }))

const tooLong = `its input is longer than ${APPROVAL_CHARS} characters, so no operator can check it. Use a shorter one.`
const tooMany = (max: number) => `it needs an approval, and ${max} calls wait for one already. Go on without it.`
const notStored = "it needs an approval, and the gateway cannot write to its database. Try again later."

/** Returns the reason that the model reads. */
const reasonOf = ({ status }: Approval): string => {
  switch (status) {
    case "denied":
      return "an operator denied it. Do not try it again in another way."
    case "expired":
      return "no operator decided in time. Go on without it."
    default:
      return "its approval was cancelled."
  }
}
