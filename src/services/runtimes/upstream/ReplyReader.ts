/**
 * ReplyReader: reads the output of one run from the events of an OpenClaw gateway, of protocol 3 or 4. It does no IO.
 * UpstreamRun.ts has one for each run.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Usage } from "../../../domain/Message.ts"
import type { RuntimeEvent } from "../../../domain/Run.ts"
import { NAME_CHARS } from "../../../domain/Bounds.ts"
import { cut } from "../../../domain/Text.ts"
import type { OpenClawEvent } from "../../../openclaw-client/Conversation.ts"
import { isEvent, type OpenClawPayload } from "../../../openclaw-client/Events.ts"
import { optional } from "../../../openclaw-client/Openly.ts"

/** The output of an event. `end`: the run is over, with the reason if it failed. */
export interface Read {
  readonly events: ReadonlyArray<RuntimeEvent>
  readonly end?: { readonly problem?: string }
}

const Block = Schema.Struct({ type: Schema.String, text: optional(Schema.String) })
const Content = Schema.Union([Schema.String, Schema.Array(Schema.Unknown)])
const decodeMessage = Schema.decodeUnknownOption(Schema.Struct({ content: Content }))
const isBlock = Schema.is(Block)

/** Returns the text of a message, or `undefined` if it has none. */
export const textOf = (message: unknown): string | undefined => {
  const content = Option.getOrUndefined(decodeMessage(message))?.content
  if (content === undefined || typeof content === "string") return content
  const texts = content.flatMap((block) => (isBlock(block) && block.type === "text" ? [block.text ?? ""] : []))
  return texts.length === 0 ? undefined : texts.join("")
}

const decodeUsage = Schema.decodeUnknownOption(
  Schema.Struct({
    input: Schema.Finite,
    output: Schema.Finite,
    cacheRead: optional(Schema.Finite),
    cacheWrite: optional(Schema.Finite),
  }),
)

const tokens = (count: number | null | undefined): number => Math.max(0, Math.round(count ?? 0))

/** Returns the usage of a message, or of the event itself. Clients of OpenClaw add the tokens of the cache to `input`. */
const usageOf = (payload: unknown): Usage | undefined => {
  const candidates = [payload, (payload as { readonly message?: unknown }).message]
  for (const candidate of candidates) {
    const usage =
      typeof candidate === "object" && candidate !== null && "usage" in candidate ? candidate.usage : undefined
    const found = Option.getOrUndefined(decodeUsage(usage))
    if (found === undefined) continue
    const cached = tokens(found.cacheRead)
    return {
      inputTokens: tokens(found.input) + cached + tokens(found.cacheWrite),
      outputTokens: tokens(found.output),
      ...(cached > 0 && { cachedInputTokens: cached }),
    }
  }
  return undefined
}

const json = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

const resultOf = (result: unknown): string => textOf(result) ?? json(result ?? "")

const none: Read = { events: [] }

const sharedLength = (a: string, b: string): number => {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}

export class ReplyReader {
  readonly #runId: string
  #text = ""
  #thinking = ""
  readonly #tools = new Set<string>()

  constructor(runId: string) {
    this.#runId = runId
  }

  read(event: OpenClawEvent): Read {
    if (isEvent(event, "chat")) return event.payload.runId === this.#runId ? this.#chat(event.payload) : none
    if (isEvent(event, "agent")) return event.payload.runId === this.#runId ? this.#agent(event.payload) : none
    return none
  }

  /** Returns the rest of a text that is known as a whole. */
  whole(text: string): ReadonlyArray<RuntimeEvent> {
    // What has been said cannot be taken back. Gateways rewrite the end of a text only.
    const rest = text.slice(sharedLength(text, this.#text))
    this.#text = text
    return rest === "" ? [] : [{ _tag: "Text", text: rest }]
  }

  #chat(payload: OpenClawPayload<"chat">): Read {
    switch (payload.state) {
      case "delta": {
        const { deltaText, message, replace } = payload
        const known = replace === true ? deltaText : textOf(message)
        return { events: this.whole(known ?? this.#text + (deltaText ?? "")) }
      }
      case "final": {
        const text = textOf(payload.message)
        const usage = usageOf(payload)
        return {
          events: [
            ...(text === undefined ? [] : this.whole(text)),
            ...(usage === undefined ? [] : [{ _tag: "Usage", usage } as const]),
          ],
          end: {},
        }
      }
      case "aborted":
        return { events: [], end: { problem: "the run was aborted there" } }
      case "error":
        return { events: [], end: { problem: payload.errorMessage || "the run failed there" } }
      default:
        return none
    }
  }

  #agent({ data, stream }: OpenClawPayload<"agent">): Read {
    if (stream === "thinking") return { events: this.#think(data) }
    return stream === "tool" ? { events: this.#tool(data) } : none
  }

  #think({ delta, text }: Readonly<Record<string, unknown>>): ReadonlyArray<RuntimeEvent> {
    const whole = typeof text === "string" ? text : this.#thinking + (typeof delta === "string" ? delta : "")
    const rest = whole.slice(sharedLength(whole, this.#thinking))
    this.#thinking = whole
    return rest === "" ? [] : [{ _tag: "Thinking", text: rest }]
  }

  #tool(data: Readonly<Record<string, unknown>>): ReadonlyArray<RuntimeEvent> {
    const { args, isError, name, partialResult, phase, result, toolCallId } = data
    if (typeof toolCallId !== "string") return []
    const isKnown = this.#tools.has(toolCallId)
    // An event before a drop may have been lost.
    const started: ReadonlyArray<RuntimeEvent> = isKnown
      ? []
      : [
          {
            _tag: "ToolStarted",
            callId: toolCallId,
            name: cut(typeof name === "string" ? name : "tool", NAME_CHARS),
            input: json(args ?? {}),
          },
        ]
    this.#tools.add(toolCallId)
    switch (phase) {
      case "start":
        return started
      case "update":
        return [...started, { _tag: "ToolUpdated", callId: toolCallId, text: resultOf(partialResult) }]
      case "result":
        return [
          ...started,
          { _tag: "ToolEnded", callId: toolCallId, output: resultOf(result), isError: isError === true },
        ]
      default:
        return []
    }
  }
}
