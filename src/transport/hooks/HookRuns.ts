/**
 * HookRuns: sends the messages of hooks, and the notes about their answers. Hooks.ts uses it.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Run } from "../../domain/Run.ts"
import { agentOfSessionKey } from "../../domain/Routing.ts"
import { Runs } from "../../services/runs/Runs.ts"
import { awaitRun } from "../dialect/Queries.ts"
import { call, catchError, Contract, type Query } from "../dialect/Query.ts"
import { ofFault, refused } from "./HookErrors.ts"
import type { AgentTurn, Wake } from "./HookRequests.ts"
import { wrapped } from "./Untrusted.ts"

/** Longest time until a message must be accepted. */
const ACCEPTANCE = "15 seconds"

const late = refused(503, "the gateway did not accept the message in time", { "retry-after": "5" })

/** Returns the main session of an agent. */
const mainSession = (agentId: string): string => `agent:${agentId}:main`

/** A repeated message has the id of a run with another text, e.g. because its template has the time. */
const send = (payload: Parameters<typeof call<"chat.send">>[1]): Query<unknown> =>
  catchError(call("chat.send", { ...payload, commands: false }), "IdempotencyConflict", () => Effect.void)

/** Sets the model and the thinking level of a session, and creates it if necessary. */
const prepareSession = ({ agentId, model, sessionKey: key, thinking }: AgentTurn): Query<unknown> => {
  if (model === undefined && thinking === undefined) return Effect.void
  const settings = { ...(model !== undefined && { model }), ...(thinking !== undefined && { thinking }) }
  return catchError(call("sessions.create", { key, agentId, ...settings }), "SessionExists", () =>
    call("sessions.patch", { key, ...settings }),
  )
}

/** The note in the main session about an answer. */
const noteOf = (name: string, { error, reply = "", state }: Run): string =>
  state === "done"
    ? `The hook ${JSON.stringify(name)} has an answer:\n${reply}`
    : `The run of the hook ${JSON.stringify(name)} ${state === "failed" ? `failed: ${error?.message ?? ""}` : "was aborted"}`

export const make = Effect.gen(function* () {
  const { allowedAgentIds, allowedSessionKeyPrefixes } = (yield* GatewayConfig).hooks
  const runs = yield* Runs
  const scope = yield* Scope.Scope

  /** Refuses agents and sessions that the options do not allow. */
  const checkRoute = (agentId: string, sessionKey: string | undefined) => {
    if (allowedAgentIds.length > 0 && !allowedAgentIds.includes(agentId)) {
      return Effect.fail(refused(400, `the agent "${agentId}" is not allowed: add it to hooks.allowedAgentIds`))
    }
    const owner = sessionKey === undefined ? undefined : agentOfSessionKey(sessionKey)
    if (owner !== undefined && owner !== agentId) {
      return Effect.fail(refused(400, `the session belongs to the agent "${owner}": send agentId too`))
    }
    return Effect.void
  }

  /** Refuses sessions that a sender names, unless the options allow them. */
  const checkNamedSession = (sessionKey: string | undefined) =>
    sessionKey === undefined ||
    allowedSessionKeyPrefixes.length === 0 ||
    allowedSessionKeyPrefixes.some((prefix) => sessionKey.startsWith(prefix))
      ? Effect.void
      : Effect.fail(refused(400, "the sessionKey is not allowed: add its beginning to hooks.allowedSessionKeyPrefixes"))

  const accepted = (query: Query<unknown>) =>
    query.pipe(
      Effect.mapError(ofFault),
      Effect.timeoutOrElse({ duration: ACCEPTANCE, orElse: () => Effect.fail(late) }),
    )

  /** Adds a note without a run. The gateway itself writes it, so it needs no scope of the hook. */
  const note = (sessionKey: string, text: string, id: string) =>
    runs.inject({ sessionKey, text, role: "system", idempotencyKey: `hook:${id}` })

  /** Sends the text, or leaves it for the next run. */
  const wake = Effect.fnUntraced(function* ({ agentId, id, mode, sessionKey, text }: Wake) {
    yield* checkRoute(agentId, sessionKey)
    const key = sessionKey ?? mainSession(agentId)
    const content = wrapped("wake", text)
    if (mode === "now") return yield* accepted(send({ text: content, sessionKey: key, agentId, idempotencyKey: id }))
    // The contract's own check finds an unknown agent.
    yield* Effect.mapError(call("agents.get", { id: agentId }), ofFault)
    return yield* note(key, content, id).pipe(
      Effect.catchTag("IdempotencyConflict", () => Effect.void),
      Effect.mapError(({ _tag }) => refused(503, `the text cannot be stored (${_tag})`)),
    )
  })

  /** Tells the main session of the agent how the run ended. A restart of the gateway loses such a note. */
  const deliver = ({ agentId, name, runId, wakeMode }: AgentTurn, contract: Contract["Service"]) =>
    awaitRun(runId).pipe(
      Effect.flatMap((run): Effect.Effect<unknown, unknown, Contract> => {
        const text = noteOf(name, run)
        const sessionKey = mainSession(agentId)
        return wakeMode === "now"
          ? send({ text, sessionKey, agentId, idempotencyKey: `hook:${runId}` })
          : note(sessionKey, text, runId)
      }),
      Effect.provideService(Contract, contract),
      Effect.catch((problem) => Effect.logWarning(`the note of the hook run ${runId} is lost`, problem)),
      Effect.forkIn(scope),
    )

  /** Accepts the message. Its run is on disk when this returns. */
  const start = Effect.fnUntraced(function* (turn: AgentTurn) {
    const { agentId, message, name, runId, sessionKey, timeoutSeconds } = turn
    yield* checkRoute(agentId, sessionKey)
    const sent = send({
      text: wrapped(name, message),
      sessionKey,
      agentId,
      idempotencyKey: runId,
      ...(timeoutSeconds !== undefined && { timeoutMs: timeoutSeconds * 1_000 }),
    })
    yield* accepted(Effect.andThen(prepareSession(turn), sent))
    if (turn.deliver) yield* deliver(turn, yield* Contract)
  })

  return { checkNamedSession, start, wake }
})

/** The field `completion` of a response that waits for the end of the run. */
export const completionOf = ({ reply = "", state }: Run) => ({
  status: state === "done" ? "ok" : "error",
  replyDisposition: reply.trim() === "" ? "empty" : "visible",
})
