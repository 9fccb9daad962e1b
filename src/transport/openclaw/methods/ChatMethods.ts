/**
 * ChatMethods: the methods that send to a session, abort its runs, and add a message without a run. The output of a run
 * comes as events, see RunEvents.ts.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { ThinkingLevel } from "../../../domain/Run.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { given, hasText, trimmed } from "../../dialect/Params.ts"
import { isOpen } from "../../dialect/Queries.ts"
import { call, type Query } from "../../dialect/Query.ts"
import { contentOf } from "./Artifacts.ts"
import { commands } from "./Catalogs.ts"
import { guardOf } from "./Guards.ts"
import { modelChoices } from "./Models.ts"
import type { Row } from "./MethodTable.ts"
import { attachments, flag, id, invalid, key, message, name, number, runMs } from "../wire/Params.ts"
import { openRuns } from "./SessionQueries.ts"
import { canonicalKey } from "./SessionKeys.ts"
import { setThinking, thinkingLevel } from "./Thinking.ts"

/** The answer to a repeated send, which starts no second run. A forgotten run has ended. */
const repeated = (runId: string): Query<object> =>
  call("runs.wait", { runId, timeoutMs: 0 }).pipe(
    Effect.map((run) => ({ runId, status: isOpen(run) ? "in_flight" : "ok" })),
    Effect.orElseSucceed(() => ({ runId, status: "ok" })),
  )

interface Sending {
  readonly key?: string | null | undefined
  readonly agentId?: string | null
  readonly message?: string | null
  readonly idempotencyKey?: string | null
  readonly attachments?: ReadonlyArray<unknown> | null
  readonly suppressCommandInterpretation?: boolean | null
  readonly timeoutMs?: number | null
  readonly thinking?: ThinkingLevel | "" | null
  /** The transcript that the client shows. */
  readonly sessionId?: string | null
  readonly expectedLeafEntryId?: string | null
}

const sendTo = (sending: Sending): Query<object> => {
  const { agentId, attachments, idempotencyKey, message, suppressCommandInterpretation, thinking, timeoutMs } = sending
  const sessionKey = canonicalKey(sending.key, agentId)
  const { expectedLeafEntryId, sessionId } = sending
  return Effect.gen(function* () {
    const content = yield* contentOf(message, attachments)
    const { enforce, expected } = yield* guardOf(sessionKey, {
      expectedSessionId: sessionId,
      ...(expectedLeafEntryId !== undefined && { expectedLeafEntryId }),
    })
    yield* enforce(setThinking(sessionKey, agentId, thinking, expected))
    const { duplicate, runId } = yield* enforce(
      call("chat.send", {
        ...content,
        sessionKey,
        ...given({
          agentId: trimmed(agentId),
          idempotencyKey: trimmed(idempotencyKey),
          timeoutMs: runMs(timeoutMs),
          expected,
        }),
        ...(suppressCommandInterpretation === true && { commands: false }),
      }),
    )
    return duplicate ? yield* repeated(runId) : { runId, status: "started" }
  })
}

const messageFields = {
  agentId: name,
  message,
  idempotencyKey: id,
  attachments,
  suppressCommandInterpretation: flag,
  timeoutMs: number,
  thinking: thinkingLevel,
}

const ChatSend = Schema.Struct({ sessionKey: key, ...messageFields, sessionId: id, expectedLeafEntryId: id })

const chatSend = dialectMethod(ChatSend, ({ sessionKey: key, ...sending }) =>
  hasText(key) ? sendTo({ key, ...sending }) : invalid("sessionKey is required"),
)

const sessionSend = dialectMethod(Schema.Struct({ key, ...messageFields }), (sending) =>
  hasText(sending.key) ? sendTo(sending) : invalid("key is required"),
)

/** Aborts one run, or all open runs of a session. Returns the ids of the aborted runs. */
const abortRuns = (key: string, runId: string | undefined): Query<ReadonlyArray<string>> =>
  Effect.map(call("chat.abort", { sessionKey: key, ...given({ runId }) }), ({ aborted }) => aborted)

const chatAbort = dialectMethod(Schema.Struct({ sessionKey: key, agentId: name, runId: id }), (params) =>
  Effect.map(abortRuns(canonicalKey(params.sessionKey, params.agentId), trimmed(params.runId)), (runIds) => ({
    ok: true,
    aborted: runIds.length > 0,
    runIds,
  })),
)

/** Aborts the running run of a session and leaves its queued runs. */
const abortRunning = (sessionKey: string): Query<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const runs = yield* openRuns(sessionKey)
    const running = runs.find(({ state }) => state === "running")
    return running === undefined ? [] : yield* abortRuns(sessionKey, running.runId)
  })

/** Aborts a run of which the client knows only the id. Returns no ids if the run is unknown or cannot be aborted. */
const abortRun = (runId: string): Query<ReadonlyArray<string>> =>
  Effect.matchEffect(call("runs.wait", { runId, timeoutMs: 0 }), {
    onSuccess: ({ sessionKey }) => abortRuns(sessionKey, runId),
    onFailure: () => Effect.succeed([]),
  })

const SessionAbort = Schema.Struct({ key, agentId: name, runId: id, clearQueued: flag })

const abortAnswer = (runIds: ReadonlyArray<string>) => ({
  ok: true,
  abortedRunId: runIds[0] ?? null,
  status: runIds.length > 0 ? "aborted" : "no-active-run",
})

const sessionAbort = dialectMethod(SessionAbort, ({ agentId, clearQueued, key, runId }) => {
  const run = trimmed(runId)
  if (!hasText(key)) {
    return run === undefined ? invalid("key or runId is required") : Effect.map(abortRun(run), abortAnswer)
  }
  const sessionKey = canonicalKey(key, agentId)
  const onlyRunning = clearQueued === false && run === undefined
  return Effect.map(onlyRunning ? abortRunning(sessionKey) : abortRuns(sessionKey, run), abortAnswer)
})

const inject = dialectMethod(
  Schema.Struct({ sessionKey: key, agentId: name, message, label: name }),
  ({ agentId, label, message, sessionKey }) => {
    if (!hasText(message)) return invalid("message is required")
    const heading = hasText(label) ? `[${label}]\n\n` : ""
    const injected = call("chat.inject", {
      sessionKey: canonicalKey(sessionKey, agentId),
      text: `${heading}${message}`,
      role: "assistant",
    })
    return Effect.map(injected, ({ id }) => ({ ok: true, messageId: String(id) }))
  },
)

const chatMetadata = dialectMethod(Schema.Struct({ agentId: name, sessionKey: key }), () =>
  Effect.map(modelChoices(), (models) => ({ models, commands, swarmEnabled: false })),
)

/** Sends a text to an agent's main session now, or stores it there: agents have no heartbeats that would read it later. */
const wake = dialectMethod(
  Schema.Struct({ text: message, mode: name, sessionKey: key, agentId: name }),
  ({ agentId, mode, sessionKey, text }) => {
    if (!hasText(text)) return invalid("text is required")
    if (!["now", "next-heartbeat"].includes(trimmed(mode) ?? "now")) return invalid("mode is now or next-heartbeat")
    const key = canonicalKey(sessionKey, agentId)
    const woken: Query<unknown> =
      mode === "next-heartbeat"
        ? call("chat.inject", { sessionKey: key, text, role: "system" })
        : call("chat.send", { sessionKey: key, text })
    return Effect.as(woken, { ok: true })
  },
)

export const chatMethods: ReadonlyArray<Row> = [
  ["chat.send", "operator.write", chatSend],
  ["chat.abort", "operator.write", chatAbort],
  ["chat.inject", "operator.admin", inject],
  ["chat.metadata", "operator.read", chatMetadata],
  ["sessions.send", "operator.write", sessionSend],
  ["sessions.abort", "operator.write", sessionAbort],
  ["wake", "operator.write", wake],
]
