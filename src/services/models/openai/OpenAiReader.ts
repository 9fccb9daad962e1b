/**
 * OpenAiReader: reads the events of one answer of OpenAI's `/chat/completions`. OpenAiProvider uses it.
 */
import { randomUUID } from "node:crypto"
import type { Part } from "../ChatModel.ts"
import { at, listAt, numberAt, parsed, textAt } from "../JsonValue.ts"
import { encodedUsage } from "../ModelUsage.ts"
import type { EventReader } from "../ProviderHttp.ts"
import { type ProviderProblems, statusOf } from "../ProviderProblems.ts"
import { THOUGHT_FIELDS } from "./OpenAiRequest.ts"

interface Call {
  readonly id: string
  readonly name: string
  arguments: string
  extra: unknown
}

/** More calls in one answer are a fault of the server. */
const MAX_CALLS = 256

const reasons: Readonly<Record<string, "stop" | "length" | "tool-calls">> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
}

export class OpenAiReader implements EventReader<Part> {
  /** The server ends the stream itself, because the usage follows the reason. */
  readonly isComplete = false
  readonly #problems: ProviderProblems
  readonly #calls: Array<Call> = []
  readonly #byIndex = new Map<number, Call>()
  #open: { readonly type: "text" | "reasoning"; readonly id: string; readonly field: string } | undefined
  #blocks = 0
  #reason: string | undefined
  #usage: unknown
  #model = ""

  constructor(problems: ProviderProblems) {
    this.#problems = problems
  }

  push(chunk: unknown): ReadonlyArray<Part> {
    if (at(chunk, "error") !== undefined) {
      throw this.#problems.refused({ status: statusOf(chunk), body: chunk, model: this.#model || "the model" })
    }
    this.#model = textAt(chunk, "model") ?? this.#model
    this.#usage = at(chunk, "usage") ?? this.#usage
    const choice = at(chunk, "choices", 0)
    const parts: Array<Part> = []
    const delta = at(choice, "delta")
    for (const field of THOUGHT_FIELDS) {
      const thought = textAt(delta, field)
      if (thought === undefined || thought === "") continue
      parts.push(...this.#write("reasoning", field, thought))
      // OpenRouter sends the same thought in both fields.
      break
    }
    const text = (textAt(delta, "content") ?? "") + (textAt(delta, "refusal") ?? "")
    if (text !== "") parts.push(...this.#write("text", "content", text))
    for (const piece of listAt(delta, "tool_calls")) parts.push(...this.#call(piece))
    this.#reason = textAt(choice, "finish_reason") ?? this.#reason
    return parts
  }

  end(): ReadonlyArray<Part> {
    if (this.#reason === undefined) throw this.#problems.cut()
    if (this.#reason === "content_filter") throw this.#problems.refusal()
    const parts: Array<Part> = [...this.#close()]
    for (const { arguments: text, extra, id, name } of this.#calls) {
      parts.push({ type: "tool-params-end", id }, {
        type: "tool-call",
        id,
        name,
        // Arguments that are not JSON reach the tool as they are, so that its refusal reaches the model.
        params: text.trim() === "" ? {} : (parsed(text) ?? text),
        ...(extra !== undefined && { metadata: { openai: { extra } } }),
      } as Part)
    }
    // Some servers report `stop` beside calls.
    const reason = this.#calls.length > 0 ? "tool-calls" : (reasons[this.#reason] ?? "other")
    parts.push({ type: "finish", reason, usage: usageOf(this.#usage) })
    return parts
  }

  #write(type: "text" | "reasoning", field: string, delta: string): ReadonlyArray<Part> {
    const before = this.#open?.type === type ? [] : [...this.#close(), ...this.#start(type, field)]
    const id = this.#open?.id ?? ""
    return [...before, type === "text" ? { type: "text-delta", id, delta } : { type: "reasoning-delta", id, delta }]
  }

  #start(type: "text" | "reasoning", field: string): ReadonlyArray<Part> {
    const id = String(this.#blocks++)
    this.#open = { type, id, field }
    return [type === "text" ? { type: "text-start", id } : { type: "reasoning-start", id }]
  }

  #close(): ReadonlyArray<Part> {
    const open = this.#open
    this.#open = undefined
    if (open === undefined) return []
    return open.type === "text"
      ? [{ type: "text-end", id: open.id }]
      : [{ type: "reasoning-end", id: open.id, metadata: { openai: { field: open.field } } }]
  }

  /** Adds a piece of a call. Servers number calls by index, by id, or not at all; some give all calls the index 0. */
  #call(piece: unknown): ReadonlyArray<Part> {
    const index = numberAt(piece, "index")
    const id = textAt(piece, "id") ?? ""
    const name = textAt(piece, "function", "name") ?? ""
    const args = textAt(piece, "function", "arguments") ?? ""
    const parts: Array<Part> = []
    let call = index === undefined ? this.#calls.at(-1) : this.#byIndex.get(index)
    if (name !== "" && (call === undefined || index === undefined || (id !== "" && call.id !== id))) {
      if (this.#calls.length >= MAX_CALLS) throw this.#problems.invalid(`sent more than ${MAX_CALLS} tool calls`)
      call = { id: id === "" ? `call_${randomUUID()}` : id, name, arguments: "", extra: undefined }
      this.#calls.push(call)
      if (index !== undefined) this.#byIndex.set(index, call)
      parts.push(...this.#close(), { type: "tool-params-start", id: call.id, name })
    }
    if (call === undefined) throw this.#problems.invalid("sent a tool call without a name")
    call.extra ??= at(piece, "extra_content")
    if (args !== "") {
      call.arguments += args
      parts.push({ type: "tool-params-delta", id: call.id, delta: args })
    }
    return parts
  }
}

/** OpenAI's `prompt_tokens` include those that it reads from its cache. */
const usageOf = (usage: unknown) =>
  encodedUsage({
    input: at(usage, "prompt_tokens"),
    cacheRead: at(usage, "prompt_tokens_details", "cached_tokens") ?? at(usage, "prompt_cache_hit_tokens"),
    output: at(usage, "completion_tokens"),
    reasoning: at(usage, "completion_tokens_details", "reasoning_tokens"),
  })
