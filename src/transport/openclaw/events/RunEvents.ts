/**
 * RunEvents: payloads of the events of runs. Most steps of a run become two events: `chat` for views of a conversation
 * and `agent` for views of the agent's work. Events.ts makes frames of the payloads.
 */
import { MAIN_AGENT } from "../../../domain/Agent.ts"
import type { Approval } from "../../../domain/Approval.ts"
import type { GatewayEvent } from "../../../domain/Event.ts"
import type { Message, Usage } from "../../../domain/Message.ts"
import { agentOfSessionKey } from "../../../domain/Routing.ts"
import type { RunOutcome } from "../../../domain/Run.ts"
import type { ProblemKind, RunError } from "../../../domain/RunError.ts"
import { argumentsOf, assistantText, messagesOf, usageOf } from "../methods/ChatMessages.ts"

/** The name of an event and its data. */
export type Payload = readonly [event: string, data: { readonly [field: string]: unknown }]

export interface RunIds {
  readonly runId: string
  readonly sessionKey: string
  readonly agentId: string
}

/** The position and the time of an event. The position ascends within a run. */
export interface EventMeta {
  readonly seq: number
  readonly at: number
}

const chat = ({ agentId, runId, sessionKey }: RunIds, { seq }: EventMeta, state: string, data: object): Payload => [
  "chat",
  { runId, sessionKey, agentId, seq, state, ...data },
]

const agent = (
  { agentId, runId, sessionKey }: RunIds,
  { at, seq }: EventMeta,
  stream: string,
  data: object,
): Payload => ["agent", { runId, sessionKey, agentId, stream, data, seq, ts: Math.floor(at), isHeartbeat: false }]

const status = (run: RunIds, meta: EventMeta, phase: string): ReadonlyArray<Payload> => [
  chat(run, meta, "status", { phase }),
  agent(run, meta, "run_status", { phase }),
]

/** A delta alone, for clients that build the text. */
export const textDelta = (run: RunIds, meta: EventMeta, deltaText: string): Payload =>
  chat(run, meta, "delta", { deltaText })

/** The whole text so far, which replaces the client's text. */
export const textReplacement = (run: RunIds, meta: EventMeta, text: string): Payload =>
  chat(run, meta, "delta", { deltaText: text, replace: true, message: assistantText(text, Math.floor(meta.at)) })

/** The new text with the whole text. */
export const textUpdate = (run: RunIds, meta: EventMeta, text: string, deltaText: string): ReadonlyArray<Payload> => [
  agent(run, meta, "assistant", { text, delta: deltaText }),
  chat(run, meta, "delta", { deltaText, message: assistantText(text, Math.floor(meta.at)) }),
]

export const thinkingUpdate = (run: RunIds, meta: EventMeta, text: string, delta: string): Payload =>
  agent(run, meta, "thinking", { text, delta })

const content = (text: string) => ({ content: [{ type: "text", text }] })

type ToolEvent = Extract<GatewayEvent, { readonly _tag: "ToolStarted" | "ToolUpdated" | "ToolEnded" }>

const stepOf = (event: ToolEvent) => {
  const toolCallId = event.callId
  switch (event._tag) {
    case "ToolStarted":
      return { phase: "start", name: event.name, toolCallId, args: argumentsOf(event.input) }
    case "ToolUpdated":
      return { phase: "update", toolCallId, partialResult: content(event.text) }
    case "ToolEnded":
      return { phase: "result", name: event.name, toolCallId, isError: event.isError, result: content(event.output) }
  }
}

/** A step of a tool, as an event of the run, or of the session for clients without the capability `tool-events`. */
export const toolStep = (event: ToolEvent, meta: EventMeta, withRun: boolean): Payload => {
  const [, data] = agent(event, meta, "tool", stepOf(event))
  return [withRun ? "agent" : "session.tool", data]
}

export const accepted = (run: RunIds, meta: EventMeta): ReadonlyArray<Payload> => status(run, meta, "preparing_context")

export const started = (run: RunIds, meta: EventMeta): ReadonlyArray<Payload> => [
  agent(run, meta, "lifecycle", { phase: "start", startedAt: Math.floor(meta.at) }),
  ...status(run, meta, "starting_model"),
]

/** The kinds that clients know. They show every other problem by its message. */
const errorKinds: { readonly [Kind in ProblemKind]?: string } = {
  "rate-limit": "rate_limit",
  "context-length": "context_length",
  refusal: "refusal",
  timeout: "timeout",
}

const errorKindOf = (kind: ProblemKind | undefined): string => (kind && errorKinds[kind]) ?? "unknown"

export interface EndedRun extends RunIds {
  readonly outcome: RunOutcome
  readonly error?: RunError | undefined
  readonly usage?: Usage | undefined
}

/** `reply` is the whole text of a run that is done, or `undefined` if it is not known. */
export const ended = (run: EndedRun, meta: EventMeta, reply: string | undefined): ReadonlyArray<Payload> => {
  const endedAt = Math.floor(meta.at)
  const usage = run.usage && usageOf(run.usage)
  const tokens = run.usage && { inputTokens: run.usage.inputTokens, outputTokens: run.usage.outputTokens }
  const lifecycle = (data: object) => agent(run, meta, "lifecycle", { endedAt, executionSettled: true, ...data })
  switch (run.outcome) {
    case "done":
      return [
        ...(tokens === undefined ? [] : [agent(run, meta, "usage", tokens)]),
        lifecycle({
          phase: "end",
          aborted: false,
          stopReason: "stop",
          ...(reply !== undefined && { terminalReply: { disposition: "visible", text: reply } }),
        }),
        chat(run, meta, "final", {
          stopReason: "stop",
          ...(reply !== undefined && { message: assistantText(reply, endedAt) }),
          ...(usage !== undefined && { usage }),
        }),
      ]
    case "aborted": {
      const stopReason = run.error?.reason === "timeout" ? "timeout" : "rpc"
      return [
        chat(run, meta, "aborted", { stopReason }),
        lifecycle({ phase: "end", status: "cancelled", aborted: true, stopReason }),
      ]
    }
    case "failed": {
      const errorMessage = run.error?.message ?? "the run failed"
      return [
        lifecycle({ phase: "error", error: errorMessage, stopReason: "error" }),
        chat(run, meta, "error", { errorMessage, errorKind: errorKindOf(run.error?.kind), stopReason: "error" }),
      ]
    }
  }
}

/** A message without a run. Views of a conversation show it as a complete reply. */
export const injectedMessage = (message: Message): Payload => [
  "chat",
  {
    runId: `inject-${message.id}`,
    sessionKey: message.sessionKey,
    agentId: agentOfSessionKey(message.sessionKey) ?? MAIN_AGENT,
    seq: 0,
    state: "final",
    message: messagesOf(message)[0],
  },
]

/** A command that waits for an approval, as a line of the conversation that is not part of the transcript. */
export const approvalLine = ({ agentId, decisions, id, input, sessionKey, tool }: Approval, at: number): Payload => [
  "chat",
  {
    runId: `approval-${id}`,
    sessionKey,
    agentId,
    seq: 0,
    state: "final",
    message: {
      ...assistantText(
        `Waits for an operator: ${tool} ${input}\n/approve ${id} ${decisions.join(" | ")}`,
        Math.floor(at),
      ),
      command: true,
    },
  },
]
