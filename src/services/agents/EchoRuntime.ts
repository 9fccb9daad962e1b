/**
 * A runtime that repeats the message word by word and needs no provider. It serves first starts, tests and the development
 * of clients. Prefixes of the message make it think, call a tool, reply slowly or fail.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { type RuntimeEvent, RuntimeFailed } from "../../domain/Run.ts"
import type { AgentRuntime, Turn } from "./AgentRuntime.ts"
import { AgentRuntimes } from "./AgentRuntimes.ts"

const NAME = "echo"

const PREFIX = /^\/(?:(tool|think|fail)|slow (\d{1,6}))(?: |$)/

/** A parsed message: its prefixes, in any order, and the text after them. */
export interface EchoCommand {
  readonly tool: boolean
  readonly think: boolean
  readonly fail: boolean
  /** The duration of the reply in milliseconds. */
  readonly slowMs: number
  readonly text: string
}

export const parse = (message: string): EchoCommand => {
  let command: EchoCommand = { tool: false, think: false, fail: false, slowMs: 0, text: message }
  for (let prefix = PREFIX.exec(message); prefix !== null; prefix = PREFIX.exec(command.text)) {
    const [all, name, slowMs] = prefix
    const text = command.text.slice(all.length)
    command = name === undefined ? { ...command, text, slowMs: Number(slowMs) } : { ...command, text, [name]: true }
  }
  return command
}

/** Splits a text into its words, each with the space before it. Joined, they are the text again. */
export const words = (text: string): ReadonlyArray<string> => text.match(/^\S+|\s+\S*/g) ?? []

/** A longer reply has several words in each piece, because a run may emit a limited number of events in a second. */
const MAX_PIECES = 1_000

const piecesOf = (text: string): ReadonlyArray<string> => {
  const all = words(text)
  const size = Math.ceil(all.length / MAX_PIECES)
  if (size <= 1) return all
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size).join(""))
}

const toolCall = (text: string): ReadonlyArray<RuntimeEvent> => [
  { _tag: "ToolStarted", callId: "call-1", name: "echo", input: JSON.stringify({ text }) },
  { _tag: "ToolUpdated", callId: "call-1", text: "listening" },
  { _tag: "ToolEnded", callId: "call-1", output: text, isError: false },
]

const run = ({ text: message }: Turn): Stream.Stream<RuntimeEvent, RuntimeFailed> => {
  const { fail, slowMs, text, think, tool } = parse(message)
  const reply = piecesOf(`echo: ${text}`)
  const outputTokens = words(`echo: ${text}`).length
  const inputTokens = words(message).length

  const before: ReadonlyArray<RuntimeEvent> = [
    ...(think ? piecesOf(`thinking about: ${text}`).map((text): RuntimeEvent => ({ _tag: "Thinking", text })) : []),
    ...(tool ? toolCall(text) : []),
  ]
  const replyText = Stream.fromIterable(reply).pipe(
    Stream.map((text): RuntimeEvent => ({ _tag: "Text", text })),
    slowMs === 0 ? (stream) => stream : Stream.tap(() => Effect.sleep(slowMs / reply.length)),
  )
  const usage: RuntimeEvent = {
    _tag: "Usage",
    usage: { inputTokens, outputTokens, contextTokens: inputTokens + outputTokens },
  }
  const end = fail
    ? Stream.fail(new RuntimeFailed({ runtime: NAME, detail: "The echo was asked to fail." }))
    : Stream.empty
  return Stream.fromIterable(before).pipe(
    Stream.concat(replyText),
    Stream.concat(Stream.succeed(usage)),
    Stream.concat(end),
  )
}

export const echo = {
  name: NAME,
  models: [{ id: "echo", name: "Echo", runtime: NAME, contextWindow: null }],
  run,
} satisfies AgentRuntime

export const layer: Layer.Layer<never, never, AgentRuntimes> = AgentRuntimes.add(echo)
