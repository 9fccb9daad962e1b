/**
 * Run events: what happens in a run as this dialect tells it twice, as `chat` for conversations and as `agent` for those
 * who follow the agent's work. Pure; frames are made of the payloads in Events.ts.
 */
import { MAIN_AGENT } from "../../../domain/Agent.ts"
import type { GatewayEvent } from "../../../domain/Event.ts"
import type { Message, Usage } from "../../../domain/Message.ts"
import { agentOfSessionKey } from "../../../domain/Routing.ts"
import type { RunOutcome } from "../../../domain/Run.ts"
import type { RunError } from "../../../domain/RunError.ts"
import { argumentsOf, assistantText, messagesOf, usageOf } from "../methods/ChatMessages.ts"

/** An event's name and its data. */
export type Payload = readonly [event: string, data: { readonly [field: string]: unknown }]

export interface OfRun {
  readonly runId: string
  readonly sessionKey: string
  readonly agentId: string
}

/** When and where: the position is a number that ascends within each run. */
export interface Place {
  readonly seq: number
  readonly at: number
}

const chat = ({ agentId, runId, sessionKey }: OfRun, { seq }: Place, state: string, data: object): Payload => [
  "chat",
  { runId, sessionKey, agentId, seq, state, ...data },
]

const agent = ({ agentId, runId, sessionKey }: OfRun, { at, seq }: Place, stream: string, data: object): Payload => [
  "agent",
  { runId, sessionKey, agentId, stream, data, seq, ts: Math.floor(at), isHeartbeat: false },
]

const status = (run: OfRun, place: Place, phase: string): ReadonlyArray<Payload> => [
  chat(run, place, "status", { phase }),
  agent(run, place, "run_status", { phase }),
]

/** A delta by itself, for clients that build the text. */
export const delta = (run: OfRun, place: Place, deltaText: string): Payload => chat(run, place, "delta", { deltaText })

/** All that was said so far, in the place of what a client had. */
export const replaced = (run: OfRun, place: Place, text: string): Payload =>
  chat(run, place, "delta", { deltaText: text, replace: true, message: assistantText(text, Math.floor(place.at)) })

/** What was said since the last time, with all of it. */
export const grown = (run: OfRun, place: Place, text: string, deltaText: string): ReadonlyArray<Payload> => [
  agent(run, place, "assistant", { text, delta: deltaText }),
  chat(run, place, "delta", { deltaText, message: assistantText(text, Math.floor(place.at)) }),
]

export const thought = (run: OfRun, place: Place, text: string, delta: string): Payload =>
  agent(run, place, "thinking", { text, delta })

const content = (text: string) => ({ content: [{ type: "text", text }] })

type ToolEvent = Extract<GatewayEvent, { readonly _tag: "ToolStarted" | "ToolUpdated" | "ToolEnded" }>

const toolStep = (event: ToolEvent) => {
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

/** To who follows the run's tools; to others, who follow sessions, as an event of the session. */
export const tool = (event: ToolEvent, place: Place, withRun: boolean): Payload => {
  const [, data] = agent(event, place, "tool", toolStep(event))
  return [withRun ? "agent" : "session.tool", data]
}

export const accepted = (run: OfRun, place: Place): ReadonlyArray<Payload> => status(run, place, "preparing_context")

export const started = (run: OfRun, place: Place): ReadonlyArray<Payload> => [
  agent(run, place, "lifecycle", { phase: "start", startedAt: Math.floor(place.at) }),
  ...status(run, place, "starting_model"),
]

export interface Ended extends OfRun {
  readonly outcome: RunOutcome
  readonly error?: RunError | undefined
  readonly usage?: Usage | undefined
}

/** `reply`: the whole text of a run that is done, where it is known. */
export const ended = (run: Ended, place: Place, reply: string | undefined): ReadonlyArray<Payload> => {
  const endedAt = Math.floor(place.at)
  const usage = run.usage && usageOf(run.usage)
  const tokens = run.usage && { inputTokens: run.usage.inputTokens, outputTokens: run.usage.outputTokens }
  const lifecycle = (data: object) => agent(run, place, "lifecycle", { endedAt, executionSettled: true, ...data })
  switch (run.outcome) {
    case "done":
      return [
        ...(tokens === undefined ? [] : [agent(run, place, "usage", tokens)]),
        lifecycle({
          phase: "end",
          aborted: false,
          stopReason: "stop",
          ...(reply !== undefined && { terminalReply: { disposition: "visible", text: reply } }),
        }),
        chat(run, place, "final", {
          stopReason: "stop",
          ...(reply !== undefined && { message: assistantText(reply, endedAt) }),
          ...(usage !== undefined && { usage }),
        }),
      ]
    case "aborted": {
      const stopReason = run.error?.reason === "timeout" ? "timeout" : "rpc"
      return [
        chat(run, place, "aborted", { stopReason }),
        lifecycle({ phase: "end", status: "cancelled", aborted: true, stopReason }),
      ]
    }
    case "failed": {
      const errorMessage = run.error?.message ?? "the run failed"
      return [
        lifecycle({ phase: "error", error: errorMessage, stopReason: "error" }),
        chat(run, place, "error", { errorMessage, errorKind: "unknown", stopReason: "error" }),
      ]
    }
  }
}

/** A message that no run has written: a conversation shows it as a reply that is complete. */
export const injected = (message: Message): Payload => [
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
