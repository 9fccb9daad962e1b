/**
 * Approvals: asks operators whether a call of a tool may run. Storage holds each approval before anybody sees it, so it
 * survives a restart, and the call that asks again finds it. The run waits without a permit. It implements ToolApproval.
 * The handlers of `approvals.*` and ChatCommands use it, and so do programs that embed the gateway.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { randomUUID } from "node:crypto"
import {
  type Approval,
  APPROVAL_CHARS,
  type ApprovalClosed,
  type ApprovalDecision,
  type ApprovalExists,
  type ApprovalGrant,
  ApprovalNotFound,
  type DecisionUnavailable,
  GRANT_ROWS,
  type GrantNotFound,
} from "../../domain/Approval.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/LimitReached.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { RunAdmission } from "../admission/RunAdmission.ts"
import { Events } from "../events/Events.ts"
import * as Requests from "../requests/Requests.ts"
import { Tx } from "../storage/Tx.ts"
import { ToolFailed } from "../tools/AgentTool.ts"
import { type ApprovalRequest, ToolApproval } from "../tools/ToolApproval.ts"
import * as Changes from "./ApprovalChanges.ts"

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
     * `grantDays`: the days until the grant of `allow-always` ends. Left out: it does not end.
     */
    decide(
      id: string,
      decision: ApprovalDecision,
      by: string,
      grantDays?: number,
    ): Effect.Effect<Changes.Decided, ApprovalNotFound | ApprovalClosed | DecisionUnavailable | StorageUnavailable>
    /** Asks in the name of a client. `by`: the id of its principal. The client carries the decision out itself. */
    request(
      request: Changes.ClientRequest,
      by: string,
    ): Effect.Effect<Approval, ApprovalExists | LimitReached | StorageUnavailable>
    /** Waits until the approval ends or the time is up, and returns it. */
    wait(id: string, timeoutMs: number): Effect.Effect<Approval, ApprovalNotFound | StorageUnavailable>
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

const make = Effect.gen(function* () {
  const { limits, tools } = yield* GatewayConfig
  const events = yield* Events
  const requests = yield* Requests.make<Approval>({
    name: "approvals",
    store: ({ approvals }) => approvals,
    opened: (event) => (event._tag === "ApprovalRequested" ? event.approval : undefined),
    closed: (event) => (event._tag === "ApprovalResolved" ? event.approval : undefined),
    end: (found, status, resolvedAt) => {
      const approval: Approval = { ...found, status, resolvedAt }
      return [approval, { _tag: "ApprovalResolved", approval }]
    },
  })
  const { waiting } = requests

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
        const approval = yield* requests.endedOutside(asked.approval)
        if (approval.status !== "allowed") return yield* refused(request.tool, reasonOf(approval))
        // The last step before the call: a crash after it never runs the call again.
        if (yield* events.commit(Changes.use(approval, yield* Clock.currentTimeMillis))) return
      }
    },
    (effect, { tool }) => Effect.catchTag(effect, "StorageUnavailable", () => refused(tool, notStored)),
  )

  /** Returns the whole id of an approval that waits, or the text itself. */
  const idOf = (text: string): Effect.Effect<string, ApprovalNotFound> => {
    const id = requests.idOf(text)
    return id === undefined ? Effect.fail(new ApprovalNotFound({ id: text, isAmbiguous: true })) : Effect.succeed(id)
  }

  const get = Effect.fn("Approvals.get")(function* (text: string) {
    const id = yield* idOf(text)
    return (yield* requests.get(id)) ?? (yield* new ApprovalNotFound({ id, isAmbiguous: false }))
  })

  const request = Effect.fn("Approvals.request")(function* (asked: Changes.ClientRequest, askedBy: string) {
    if (waiting.size >= limits.approvals) return yield* LimitReached.of("approvals", limits.approvals)
    const createdAt = yield* Clock.currentTimeMillis
    const expiresAt = createdAt + (asked.timeoutMs ?? tools.approvalMs)
    const approval = Changes.approvalOfClient(asked, { id: asked.id ?? randomUUID(), createdAt, expiresAt, askedBy })
    return yield* events.commit(Changes.request(approval))
  })

  const wait = Effect.fn("Approvals.wait")(function* (id: string, timeoutMs: number) {
    return yield* requests.endedWithin(yield* get(id), timeoutMs)
  })

  const decide = Effect.fn("Approvals.decide")(function* (
    text: string,
    decision: ApprovalDecision,
    by: string,
    grantDays?: number,
  ) {
    const verdict = { id: yield* idOf(text), decision, by, grantDays, grantId: randomUUID() }
    const decided = yield* events.commit(Changes.decide(verdict, yield* Clock.currentTimeMillis))
    const error = Changes.closed(decided, decision)
    return error === undefined ? decided : yield* error
  })

  const history = Effect.fn("Approvals.history")(function* (before = Number.MAX_SAFE_INTEGER, limit: number) {
    const page = yield* requests.history(before, limit)
    return { approvals: page.requests, next: page.next }
  })

  const revoke = Effect.fn("Approvals.revoke")(function* (id: string, by: string) {
    return yield* events.commit(Changes.revoke(id, by, yield* Clock.currentTimeMillis))
  })

  const service = Approvals.of({
    waiting: () => waiting.list(),
    get,
    history,
    request,
    wait,
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
