/**
 * AgentRuns: the methods `agent` and `agent.wait`. `agent` has two answers under one id: when the run is accepted and
 * when it has ended. The events of the run come in between.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Run } from "../../../domain/Run.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { given, hasText, trimmed } from "../../dialect/Params.ts"
import { awaitRun, isOpen } from "../../dialect/Queries.ts"
import { call, emit, fail, type Query } from "../../dialect/Query.ts"
import { type Address, addressOf, targetFields } from "./AgentTargets.ts"
import { usageOf } from "./ChatMessages.ts"
import { contentOf } from "./Artifacts.ts"
import type { Row } from "./MethodTable.ts"
import { attachments, id, invalid, message, name, number, runMs } from "../wire/Params.ts"
import { modelFor, nameOf, agentCatalog } from "./AgentCatalog.ts"
import { now, sessionFor } from "./SessionQueries.ts"
import { sessionIdOf } from "./SessionKeys.ts"
import { setThinking, thinkingLevel } from "./Thinking.ts"

const WAIT_DEFAULT_MS = 30_000
/** Longer than any client waits that gives no time limit. */
const TIMEOUT_MS = 24 * 60 * 60 * 1_000
/** A run ends soon after its time limit. Its outcome says more than a timeout of the wait. */
const GRACE_MS = 5_000

const stopReasonOf = ({ error }: Run): string => (error?.reason === "timeout" ? "timeout" : "rpc")

const runFailed = ({ error, runId }: Run): Query<never> =>
  fail({
    _tag: "Domain",
    error: {
      _tag: "RunFailed",
      runId,
      reason: error?.reason ?? "runtime",
      message: error?.message ?? "the run failed",
    },
  })

/** The last answer of `agent`, with the facts that command lines print. */
const outcomeOf = (run: Run): Query<object> =>
  Effect.gen(function* () {
    const { acceptedAt, endedAt = acceptedAt, reply = "", runId, state, usage } = run
    if (isOpen(run)) return { runId, status: "timeout", summary: "timed out" }
    if (state === "failed") return yield* runFailed(run)
    if (state === "aborted") return { runId, status: "timeout", summary: "aborted", stopReason: stopReasonOf(run) }
    const catalog = yield* agentCatalog
    const session = yield* sessionFor(run.sessionKey)
    const model = modelFor(catalog, run.agentId, session?.model)
    return {
      runId,
      status: "ok",
      summary: "completed",
      result: {
        payloads: reply === "" ? [] : [{ text: reply, mediaUrl: null }],
        meta: {
          durationMs: endedAt - acceptedAt,
          agentMeta: {
            ...(session !== undefined && { sessionId: sessionIdOf(session) }),
            ...(model === undefined ? { provider: "", model: "" } : nameOf(model)),
            ...(usage !== undefined && { usage: usageOf(usage) }),
          },
          aborted: false,
        },
      },
    }
  })

/** Returns an address in the parameters of `sessions.resolve`. */
const keyOrRoute = ({ sessionKey, ...route }: Address["to"]) => (sessionKey === undefined ? route : { key: sessionKey })

const agent = dialectMethod(
  Schema.Struct({
    message,
    agentId: name,
    ...targetFields,
    idempotencyKey: id,
    attachments,
    timeout: number,
    thinking: thinkingLevel,
  }),
  ({ agentId, attachments, idempotencyKey, message, thinking, timeout, ...target }) => {
    const timeoutMs = runMs(timeout == null ? undefined : timeout * 1_000)
    return Effect.gen(function* () {
      const content = yield* contentOf(message, attachments)
      const { guard, to } = yield* addressOf(agentId, target)
      if (hasText(thinking)) {
        const { sessionKey } = yield* call("sessions.resolve", {
          ...keyOrRoute(to),
          ...given({ agentId: trimmed(agentId) }),
        })
        yield* guard.enforce(setThinking(sessionKey, agentId, thinking, guard.expected))
      }
      const acceptedAt = yield* now()
      const { runId, ...accepted } = yield* guard.enforce(
        call("chat.send", {
          ...content,
          ...to,
          ...given({
            agentId: trimmed(agentId),
            idempotencyKey: trimmed(idempotencyKey),
            timeoutMs,
            expected: guard.expected,
          }),
        }),
      )
      const { agentId: acceptedBy, sessionKey } = accepted
      yield* emit({ runId, sessionKey, agentId: acceptedBy, status: "accepted", acceptedAt })
      const run = yield* awaitRun(runId, (timeoutMs ?? TIMEOUT_MS) + GRACE_MS)
      return yield* outcomeOf(run)
    })
  },
)

const wait = dialectMethod(Schema.Struct({ runId: id, timeoutMs: number }), ({ runId, timeoutMs }) => {
  if (!hasText(runId)) return invalid("runId is required")
  return Effect.map(awaitRun(runId, timeoutMs ?? WAIT_DEFAULT_MS), (run): object => {
    const { acceptedAt, endedAt, error, reply, state } = run
    if (isOpen(run)) return { runId, status: "timeout" }
    const ended = { runId, startedAt: acceptedAt, ...given({ endedAt }) }
    if (state === "failed") return { ...ended, status: "error", error: error?.message ?? "the run failed" }
    if (state === "aborted") return { ...ended, status: "timeout", stopReason: stopReasonOf(run) }
    const terminalReply = given({ disposition: "visible", text: reply })
    return { ...ended, status: "ok", stopReason: "stop", terminalReply }
  })
})

export const agentRunMethods: ReadonlyArray<Row> = [
  ["agent", "operator.write", agent],
  ["agent.wait", "operator.write", wait],
]
