/**
 * Agent runs: `agent` answers twice under one id, when the run is accepted and when it has ended; `agent.wait` waits for
 * a run that is known by its id. Pure; what happens meanwhile comes as events.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Run } from "../../../domain/Run.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { awaitRun, isOpen } from "../../dialect/Queries.ts"
import { call, emit, fail, type Query } from "../../dialect/Query.ts"
import { addressOf, targetFields } from "./AgentTargets.ts"
import { usageOf } from "./ChatMessages.ts"
import type { Row } from "./MethodTable.ts"
import { trimmed, given } from "../../dialect/Params.ts"
import { id, invalid, message, name, number, runMs, things } from "../wire/Params.ts"
import { modelFor, agentCatalog } from "./AgentCatalog.ts"
import { now, sessionFor } from "./SessionQueries.ts"
import { sessionIdOf } from "./SessionKeys.ts"

const WAIT_DEFAULT_MS = 30_000
/** As clients that say nothing have it: they give up themselves. */
const TIMEOUT_MS = 24 * 60 * 60 * 1_000
const GRACE_MS = 5_000

/** Why a run was ended: its time was up, or somebody asked for it. */
const stopReasonOf = ({ error }: Run): string => (error?.reason === "timeout" ? "timeout" : "rpc")

const failure = ({ error, runId }: Run) =>
  fail({
    _tag: "Domain",
    error: {
      _tag: "RunFailed",
      runId,
      reason: error?.reason ?? "runtime",
      message: error?.message ?? "the run failed",
    },
  })

/** What an agent's run has come to, with what command lines print of it. */
const outcome = (run: Run): Query<object> => {
  const { runId, sessionKey, state } = run
  if (isOpen(run)) return Effect.succeed({ runId, status: "timeout", summary: "timed out" })
  if (state === "failed") return failure(run)
  if (state === "aborted")
    return Effect.succeed({ runId, status: "timeout", summary: "aborted", stopReason: stopReasonOf(run) })
  return Effect.map(Effect.all({ roster: agentCatalog, session: sessionFor(sessionKey) }), ({ roster, session }) => {
    const model = modelFor(roster, run.agentId, session?.model)
    const { acceptedAt, endedAt = acceptedAt, reply = "", usage } = run
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
            provider: model?.runtime ?? "",
            model: model?.id ?? "",
            ...(usage !== undefined && { usage: usageOf(usage) }),
          },
          aborted: false,
        },
      },
    }
  })
}

const agent = dialectMethod(
  Schema.Struct({
    message,
    agentId: name,
    ...targetFields,
    idempotencyKey: id,
    attachments: things,
    timeout: number,
  }),
  ({ agentId, attachments, idempotencyKey, message, timeout, ...target }) => {
    if (trimmed(message) === undefined) return invalid("message is required")
    if (attachments != null && attachments.length > 0) return invalid("attachments are not supported")
    const timeoutMs = runMs(timeout == null ? undefined : timeout * 1_000)
    const asked = given({ agentId: trimmed(agentId), idempotencyKey: trimmed(idempotencyKey), timeoutMs })
    return Effect.flatMap(addressOf(agentId, target), ({ expected, orChanged, ...address }) =>
      Effect.flatMap(now(), (acceptedAt) =>
        Effect.matchEffect(call("chat.send", { text: message!, ...address, ...asked, ...given({ expected }) }), {
          onSuccess: ({ agentId, runId, sessionKey }): Query<object> =>
            Effect.andThen(
              emit({ runId, sessionKey, agentId, status: "accepted", acceptedAt }),
              Effect.suspend(() =>
                // A run that is out of time ends, and then there is more to tell.
                Effect.flatMap(awaitRun(runId, (timeoutMs ?? TIMEOUT_MS) + GRACE_MS), outcome),
              ),
            ),
          onFailure: orChanged,
        }),
      ),
    )
  },
)

const wait = dialectMethod(Schema.Struct({ runId: id, timeoutMs: number }), ({ runId, timeoutMs }) => {
  if (trimmed(runId) === undefined) return invalid("runId is required")
  return Effect.map(awaitRun(runId!, timeoutMs ?? WAIT_DEFAULT_MS), (run) => {
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
