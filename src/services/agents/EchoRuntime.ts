/**
 * EchoRuntime: an agent that needs nothing and says what it was told, word by word. For a first start, for tests and for
 * clients under development: prefixes make it think, call a tool, take its time or fail.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { type RuntimeEvent, RuntimeFailed } from "../../domain/Run.ts"
import type { AgentRuntime, Turn } from "./AgentRuntime.ts"
import { AgentRuntimes } from "./AgentRuntimes.ts"

const NAME = "echo"

const PREFIX = /^\/(?:(tool|think|fail)|slow (\d{1,6}))(?: |$)/

/** What a message asks of the echo: its prefixes, in any order, and the text that is left. */
export interface Request {
  readonly tool: boolean
  readonly think: boolean
  readonly fail: boolean
  /** The time over which the reply is spread. */
  readonly slowMs: number
  readonly text: string
}

export const parse = (message: string): Request => {
  let request: Request = { tool: false, think: false, fail: false, slowMs: 0, text: message }
  for (let prefix = PREFIX.exec(message); prefix !== null; prefix = PREFIX.exec(request.text)) {
    const [all, name, slowMs] = prefix
    const text = request.text.slice(all.length)
    request = name === undefined ? { ...request, text, slowMs: Number(slowMs) } : { ...request, text, [name]: true }
  }
  return request
}

/** A reply in pieces that together are the reply: each word with the space before it. */
export const words = (text: string): ReadonlyArray<string> => text.match(/^\S+|\s+\S*/g) ?? []

const toolCall = (text: string): ReadonlyArray<RuntimeEvent> => [
  { _tag: "ToolStarted", callId: "call-1", name: "echo", input: JSON.stringify({ text }) },
  { _tag: "ToolUpdated", callId: "call-1", text: "listening" },
  { _tag: "ToolEnded", callId: "call-1", output: text, isError: false },
]

const run = ({ history, text: message }: Turn): Stream.Stream<RuntimeEvent, RuntimeFailed> => {
  const { fail, slowMs, text, think, tool } = parse(message)
  const reply = words(`echo: ${text}`)
  const heard = history.reduce((sum, { text }) => sum + words(text).length, words(message).length)

  const before: ReadonlyArray<RuntimeEvent> = [
    ...(think ? words(`thinking about: ${text}`).map((text): RuntimeEvent => ({ _tag: "Thinking", text })) : []),
    ...(tool ? toolCall(text) : []),
  ]
  const spoken = Stream.fromIterable(reply).pipe(
    Stream.map((text): RuntimeEvent => ({ _tag: "Text", text })),
    slowMs === 0 ? (stream) => stream : Stream.tap(() => Effect.sleep(slowMs / reply.length)),
  )
  const counted: RuntimeEvent = {
    _tag: "Usage",
    usage: { inputTokens: heard, outputTokens: reply.length, contextTokens: heard + reply.length },
  }
  const end = fail
    ? Stream.fail(new RuntimeFailed({ runtime: NAME, detail: "The echo was asked to fail." }))
    : Stream.empty
  return Stream.fromIterable(before).pipe(
    Stream.concat(spoken),
    Stream.concat(Stream.succeed(counted)),
    Stream.concat(end),
  )
}

export const echo = {
  name: NAME,
  models: [{ id: "echo", name: "Echo", runtime: NAME, contextWindow: null }],
  run,
} satisfies AgentRuntime

export const layer: Layer.Layer<never, never, AgentRuntimes> = AgentRuntimes.add(echo)
