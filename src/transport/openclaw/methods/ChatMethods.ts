/**
 * The chat methods: sending to a session, ending what runs there, adding a message without a run. Pure; what an agent
 * says comes as events, and is worded in ChatEvents.ts.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call, type Query } from "../../dialect/Query.ts"
import { commands } from "./Catalogs.ts"
import { expecting } from "./Guards.ts"
import { modelChoices } from "./Models.ts"
import type { Row } from "./MethodTable.ts"
import { trimmed, given } from "../../dialect/Params.ts"
import { flag, id, invalid, key, message, name, number, runMs, things } from "../wire/Params.ts"
import { openRuns } from "./SessionQueries.ts"
import { canonicalKey } from "./SessionKeys.ts"

/** How a run that was sent before stands: a repeated send starts no second one. */
const repeated = (runId: string): Query<object> =>
  Effect.matchEffect(call("runs.wait", { runId, timeoutMs: 0 }), {
    onSuccess: ({ state }) =>
      Effect.succeed({ runId, status: state === "queued" || state === "running" ? "in_flight" : "ok" }),
    onFailure: () => Effect.succeed({ runId, status: "ok" }),
  })

interface Sending {
  readonly key?: string | null | undefined
  readonly agentId?: string | null
  readonly message?: string | null
  readonly idempotencyKey?: string | null
  readonly attachments?: ReadonlyArray<unknown> | null
  readonly suppressCommandInterpretation?: boolean | null
  readonly timeoutMs?: number | null
  /** The transcript that the client shows. */
  readonly sessionId?: string | null
  readonly expectedLeafEntryId?: string | null
}

const sendTo = (sending: Sending): Query<object> => {
  const { agentId, attachments, idempotencyKey, message, suppressCommandInterpretation, timeoutMs } = sending
  if (trimmed(message) === undefined) return invalid("message is required")
  if (attachments != null && attachments.length > 0) return invalid("attachments are not supported")
  const sessionKey = canonicalKey(sending.key, agentId)
  const { expectedLeafEntryId, sessionId } = sending
  const guards = { expectedSessionId: sessionId, ...(expectedLeafEntryId !== undefined && { expectedLeafEntryId }) }
  return expecting(sessionKey, guards, (expected, orChanged) =>
    Effect.matchEffect(
      call("chat.send", {
        text: message!,
        sessionKey,
        ...given({ agentId: trimmed(agentId), idempotencyKey: trimmed(idempotencyKey), timeoutMs: runMs(timeoutMs) }),
        ...(suppressCommandInterpretation === true && { commands: false }),
        ...(expected !== undefined && { expected }),
      }),
      {
        onSuccess: ({ duplicate, runId }): Query<object> =>
          duplicate ? repeated(runId) : Effect.succeed({ runId, status: "started" }),
        onFailure: orChanged,
      },
    ),
  )
}

const Message = {
  agentId: name,
  message,
  idempotencyKey: id,
  attachments: things,
  suppressCommandInterpretation: flag,
  timeoutMs: number,
}

const ChatSend = Schema.Struct({ sessionKey: key, ...Message, sessionId: id, expectedLeafEntryId: id })

const chatSend = dialectMethod(ChatSend, ({ sessionKey: key, ...sending }) =>
  trimmed(key) === undefined ? invalid("sessionKey is required") : sendTo({ key, ...sending }),
)

const sessionSend = dialectMethod(Schema.Struct({ key, ...Message }), (sending) =>
  trimmed(sending.key) === undefined ? invalid("key is required") : sendTo(sending),
)

/** What was ended: one run, or all that run and wait in a session. */
const endRuns = (key: string, runId: string | undefined): Query<ReadonlyArray<string>> =>
  Effect.map(call("chat.abort", { sessionKey: key, ...given({ runId }) }), ({ aborted }) => aborted)

const chatAbort = dialectMethod(Schema.Struct({ sessionKey: key, agentId: name, runId: id }), (params) =>
  Effect.map(endRuns(canonicalKey(params.sessionKey, params.agentId), trimmed(params.runId)), (runIds) => ({
    ok: true,
    aborted: runIds.length > 0,
    runIds,
  })),
)

/** What runs in a session, and nothing that waits there. */
const endRunning = (sessionKey: string): Query<ReadonlyArray<string>> =>
  Effect.flatMap(openRuns(sessionKey), (runs) => {
    const running = runs.find(({ state }) => state === "running")
    return running === undefined ? Effect.succeed([]) : endRuns(sessionKey, running.runId)
  })

const Abort = Schema.Struct({ key, agentId: name, runId: id, clearQueued: flag })

const sessionAbort = dialectMethod(Abort, ({ agentId, clearQueued, key, runId }) => {
  const run = trimmed(runId)
  if (trimmed(key) === undefined && run === undefined) return invalid("key or runId is required")
  const ended =
    trimmed(key) === undefined
      ? Effect.matchEffect(call("runs.wait", { runId: run!, timeoutMs: 0 }), {
          onSuccess: ({ sessionKey }) => endRuns(sessionKey, run),
          onFailure: () => Effect.succeed([]),
        })
      : clearQueued === false && run === undefined
        ? endRunning(canonicalKey(key, agentId))
        : endRuns(canonicalKey(key, agentId), run)
  return Effect.map(ended, (runIds) => ({
    ok: true,
    abortedRunId: runIds[0] ?? null,
    status: runIds.length > 0 ? "aborted" : "no-active-run",
  }))
})

const inject = dialectMethod(
  Schema.Struct({ sessionKey: key, agentId: name, message, label: name }),
  ({ agentId, label, message, sessionKey }) => {
    if (trimmed(message) === undefined) return invalid("message is required")
    const heading = trimmed(label) === undefined ? "" : `[${label}]\n\n`
    return Effect.map(
      call("chat.inject", {
        sessionKey: canonicalKey(sessionKey, agentId),
        text: `${heading}${message}`,
        role: "assistant",
      }),
      ({ id }) => ({ ok: true, messageId: String(id) }),
    )
  },
)

const metadata = dialectMethod(Schema.Struct({ agentId: name, sessionKey: key }), () =>
  Effect.map(Effect.all({ models: modelChoices() }), ({ models }) => ({ models, commands, swarmEnabled: false })),
)

/** A word to an agent's main session, now: an agent that is to hear it later has nothing here that would wake it. */
const wake = dialectMethod(
  Schema.Struct({ text: message, mode: name, sessionKey: key, agentId: name }),
  ({ agentId, mode, sessionKey, text }) => {
    if (trimmed(text) === undefined) return invalid("text is required")
    if (!["now", "next-heartbeat"].includes(trimmed(mode) ?? "now")) return invalid("mode is now or next-heartbeat")
    const key = canonicalKey(sessionKey, agentId)
    return mode === "next-heartbeat"
      ? Effect.map(call("chat.inject", { sessionKey: key, text: text!, role: "system" }), () => ({ ok: true }))
      : Effect.map(call("chat.send", { sessionKey: key, text: text! }), () => ({ ok: true }))
  },
)

export const chatMethods: ReadonlyArray<Row> = [
  ["chat.send", "operator.write", chatSend],
  ["chat.abort", "operator.write", chatAbort],
  ["chat.inject", "operator.admin", inject],
  ["chat.metadata", "operator.read", metadata],
  ["sessions.send", "operator.write", sessionSend],
  ["sessions.abort", "operator.write", sessionAbort],
  ["wake", "operator.write", wake],
]
