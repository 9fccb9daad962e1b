/**
 * AnthropicReader: reads the events of one answer of Anthropic's `/v1/messages`. AnthropicProvider uses it.
 */
import type { Part } from "../ChatModel.ts"
import { at, numberAt, parsed, textAt } from "../JsonValue.ts"
import { encodedUsage, tokens } from "../ModelUsage.ts"
import type { EventReader } from "../ProviderHttp.ts"
import { type ProviderProblems, statusOf } from "../ProviderProblems.ts"

interface Block {
  readonly type: "text" | "thinking" | "tool_use"
  readonly id: string
  readonly name: string
  /** The input of a call, if it comes with the start of its block. */
  readonly input: unknown
  json: string
  signature: string
  readonly redacted: string | undefined
}

/** More blocks in one answer are a fault of the server. */
const MAX_BLOCKS = 4_096

const reasons: Readonly<Record<string, "stop" | "length" | "tool-calls" | "pause">> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  pause_turn: "pause",
}

const USAGE_FIELDS = [
  "input_tokens",
  "output_tokens",
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
] as const

export class AnthropicReader implements EventReader<Part> {
  isComplete = false
  readonly #problems: ProviderProblems
  readonly #blocks = new Map<number, Block>()
  readonly #usage = new Map<string, number>()
  #reason: string | undefined
  #model = "the model"

  constructor(problems: ProviderProblems) {
    this.#problems = problems
  }

  push(event: unknown): ReadonlyArray<Part> {
    switch (textAt(event, "type")) {
      case "message_start":
        this.#model = textAt(event, "message", "model") ?? this.#model
        this.#count(at(event, "message", "usage"))
        return []
      case "content_block_start":
        return this.#start(numberAt(event, "index") ?? 0, at(event, "content_block"))
      case "content_block_delta":
        return this.#add(this.#blocks.get(numberAt(event, "index") ?? 0), at(event, "delta"))
      case "content_block_stop":
        return this.#stop(numberAt(event, "index") ?? 0)
      case "message_delta":
        this.#reason = textAt(event, "delta", "stop_reason") ?? this.#reason
        this.#count(at(event, "usage"))
        return []
      case "message_stop":
        this.isComplete = true
        return []
      case "error":
        throw this.#problems.refused({ status: statusOf(event), body: event, model: this.#model })
      default:
        return []
    }
  }

  end(): ReadonlyArray<Part> {
    if (!this.isComplete) throw this.#problems.cut()
    if (this.#reason === "refusal") throw this.#problems.refusal()
    const parts = [...this.#blocks.keys()].flatMap((index) => this.#stop(index))
    return [...parts, { type: "finish", reason: reasons[this.#reason ?? ""] ?? "other", usage: this.#reported() }]
  }

  #start(index: number, block: unknown): ReadonlyArray<Part> {
    if (index >= MAX_BLOCKS) throw this.#problems.invalid(`sent more than ${MAX_BLOCKS} blocks`)
    const id = textAt(block, "id") ?? String(index)
    const name = textAt(block, "name") ?? ""
    const redacted = textAt(block, "data")
    const common = {
      id,
      name,
      input: at(block, "input"),
      json: "",
      signature: textAt(block, "signature") ?? "",
      redacted,
    }
    switch (textAt(block, "type")) {
      case "text":
        this.#blocks.set(index, { ...common, type: "text" })
        return [{ type: "text-start", id }, ...this.#add(this.#blocks.get(index), block)]
      case "thinking":
      case "redacted_thinking":
        this.#blocks.set(index, { ...common, type: "thinking" })
        return [{ type: "reasoning-start", id }]
      case "tool_use":
        if (name === "") throw this.#problems.invalid("sent a tool call without a name")
        this.#blocks.set(index, { ...common, type: "tool_use" })
        return [{ type: "tool-params-start", id, name }]
      default:
        return []
    }
  }

  #add(block: Block | undefined, delta: unknown): ReadonlyArray<Part> {
    if (block === undefined) return []
    const text = textAt(delta, "text") ?? ""
    const thought = textAt(delta, "thinking") ?? ""
    const json = textAt(delta, "partial_json") ?? ""
    block.signature += textAt(delta, "signature") ?? ""
    block.json += json
    const { id, type } = block
    if (type === "text" && text !== "") return [{ type: "text-delta", id, delta: text }]
    if (type === "thinking" && thought !== "") return [{ type: "reasoning-delta", id, delta: thought }]
    return type === "tool_use" && json !== "" ? [{ type: "tool-params-delta", id, delta: json }] : []
  }

  #stop(index: number): ReadonlyArray<Part> {
    const block = this.#blocks.get(index)
    if (block === undefined) return []
    this.#blocks.delete(index)
    const { id, input, json, name, redacted, signature, type } = block
    if (type === "text") return [{ type: "text-end", id }]
    if (type === "thinking") {
      const anthropic = redacted === undefined ? { signature } : { redacted }
      return [{ type: "reasoning-end", id, ...(signature + (redacted ?? "") !== "" && { metadata: { anthropic } }) }]
    }
    // Input that is not JSON reaches the tool as it is, so that its refusal reaches the model.
    const params = json.trim() === "" ? (input ?? {}) : (parsed(json) ?? json)
    return [
      { type: "tool-params-end", id },
      { type: "tool-call", id, name, params },
    ]
  }

  /** Later figures replace earlier ones, because they are totals. */
  #count(usage: unknown): void {
    for (const field of USAGE_FIELDS) {
      const count = tokens(at(usage, field))
      if (count !== undefined) this.#usage.set(field, count)
    }
  }

  /** Anthropic's `input_tokens` leave out what is read from the cache or written to it. */
  #reported() {
    const input = this.#usage.get("input_tokens")
    const cacheRead = this.#usage.get("cache_read_input_tokens")
    const cacheWrite = this.#usage.get("cache_creation_input_tokens")
    return encodedUsage({
      input: input === undefined ? undefined : input + (cacheRead ?? 0) + (cacheWrite ?? 0),
      cacheRead,
      cacheWrite,
      output: this.#usage.get("output_tokens"),
    })
  }
}
