/**
 * FakeAnswers: writes one answer of a model in the dialect of the request. FakeProvider gives it to the scenarios, so that
 * one scenario serves both dialects.
 */
import type { ServerResponse } from "node:http"

export type Json = Readonly<Record<string, unknown>>

export interface FakeError {
  readonly status: number
  readonly message: string
  /** OpenAI's code. Anthropic has types only. */
  readonly code?: string
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

export type Reason = "stop" | "length" | "tools" | "refusal"

/** The figures of an answer. `cached` is part of `input`. */
export interface FakeUsage {
  readonly input: unknown
  readonly cached?: unknown
  readonly output: unknown
}

const USAGE: FakeUsage = { input: 15, cached: 4, output: 7 }

/** One answer. Every method resolves when the system has taken the bytes. */
export abstract class FakeAnswer {
  readonly #response: ServerResponse
  protected readonly model: string
  /** Bytes of each write. A small number splits characters. */
  chunkBytes = Number.POSITIVE_INFINITY

  constructor(response: ServerResponse, model: string) {
    this.#response = response
    this.model = model
  }

  /** Begins the stream. The other methods do it by themselves. */
  async begin(type = "text/event-stream"): Promise<void> {
    if (this.#response.headersSent) return
    this.#response.writeHead(200, { "content-type": type, "cache-control": "no-cache" })
    await this.start()
  }

  /** Writes bytes as they are. */
  async raw(text: string): Promise<void> {
    await this.begin()
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length && !this.#response.destroyed; at += this.chunkBytes) {
      const chunk = bytes.subarray(at, Math.min(bytes.length, at + this.chunkBytes))
      await new Promise<void>((resolve) => this.#response.write(chunk, () => resolve()))
      if (this.chunkBytes < bytes.length) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** A comment, as servers send to keep a connection open. */
  readonly comment = (text: string) => this.raw(`: ${text}\n\n`)

  /** Closes the connection in the middle of the answer. */
  drop(): void {
    this.#response.socket?.destroy()
  }

  /** Ends the answer without a reason, as a proxy does. */
  cut(): void {
    this.#response.end()
  }

  /** Answers with a whole body in place of a stream. */
  whole(status: number, type: string, body: string, headers: Readonly<Record<string, string>> = {}): void {
    this.#response.writeHead(status, { "content-type": type, ...headers }).end(body)
  }

  readonly json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    this.whole(status, "application/json", JSON.stringify(body), headers)

  get isClosed(): boolean {
    return this.#response.destroyed
  }

  protected close(): void {
    this.#response.end()
  }

  protected abstract start(): Promise<void>
  abstract text(...pieces: ReadonlyArray<string>): Promise<void>
  abstract thinking(...pieces: ReadonlyArray<string>): Promise<void>
  /** One tool call, with its arguments in pieces. */
  abstract tool(id: string, name: string, ...pieces: ReadonlyArray<string>): Promise<void>
  abstract end(reason?: Reason, usage?: FakeUsage): Promise<void>
  /** Refuses the request before the stream. */
  abstract fail(error: FakeError): void
  /** Fails within the stream. */
  abstract failInside(error: FakeError): Promise<void>
}

export class OpenAiAnswer extends FakeAnswer {
  #calls = 0

  readonly event = (data: unknown) => this.raw(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`)

  readonly #chunk = (rest: Json) =>
    this.event({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: this.model, ...rest })

  readonly #delta = (delta: Json, finish: string | null = null) =>
    this.#chunk({ choices: [{ index: 0, delta, finish_reason: finish }] })

  protected async start() {
    await this.#delta({ role: "assistant", content: "" })
  }

  async text(...pieces: ReadonlyArray<string>) {
    for (const content of pieces) await this.#delta({ content })
  }

  async thinking(...pieces: ReadonlyArray<string>) {
    for (const thought of pieces) await this.#delta({ content: null, reasoning_content: thought })
  }

  async tool(id: string, name: string, ...pieces: ReadonlyArray<string>) {
    const index = this.#calls++
    await this.#delta({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] })
    for (const piece of pieces) await this.#delta({ tool_calls: [{ index, function: { arguments: piece } }] })
  }

  async end(reason: Reason = "stop", { cached, input, output }: FakeUsage = USAGE) {
    await this.#delta({}, { stop: "stop", length: "length", tools: "tool_calls", refusal: "content_filter" }[reason])
    const usage = {
      prompt_tokens: input,
      completion_tokens: output,
      prompt_tokens_details: { cached_tokens: cached },
      completion_tokens_details: { reasoning_tokens: 3 },
    }
    await this.#chunk({ choices: [], usage })
    await this.event("[DONE]")
    this.close()
  }

  fail({
    code = null,
    headers,
    message,
    status,
    type = "invalid_request_error",
  }: Omit<FakeError, "code"> & { readonly code?: string | null }) {
    this.json(status, { error: { message, type, param: null, code } }, headers)
  }

  async failInside({ code, message, type }: FakeError) {
    await this.event({ error: { message, type, code } })
    this.cut()
  }
}

export class AnthropicAnswer extends FakeAnswer {
  #blocks = 0

  readonly event = (type: string, rest: Json) =>
    this.raw(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`)

  protected async start() {
    const usage = { input_tokens: 11, output_tokens: 1, cache_read_input_tokens: 4, cache_creation_input_tokens: 0 }
    const message = { id: "msg_1", type: "message", role: "assistant", model: this.model, content: [], usage }
    await this.event("message_start", { message })
    await this.event("ping", {})
  }

  async #block(block: Json, deltas: ReadonlyArray<Json>) {
    await this.begin()
    const index = this.#blocks++
    await this.event("content_block_start", { index, content_block: block })
    for (const delta of deltas) await this.event("content_block_delta", { index, delta })
    await this.event("content_block_stop", { index })
  }

  readonly text = (...pieces: ReadonlyArray<string>) =>
    this.#block(
      { type: "text", text: "" },
      pieces.map((text) => ({ type: "text_delta", text })),
    )

  readonly thinking = (...pieces: ReadonlyArray<string>) =>
    this.#block({ type: "thinking", thinking: "", signature: "" }, [
      ...pieces.map((thinking) => ({ type: "thinking_delta", thinking })),
      { type: "signature_delta", signature: "c2lnbmVk" },
    ])

  readonly tool = (id: string, name: string, ...pieces: ReadonlyArray<string>) =>
    this.#block(
      { type: "tool_use", id, name, input: {} },
      ["", ...pieces].map((json) => ({ type: "input_json_delta", partial_json: json })),
    )

  async end(reason: Reason = "stop", { cached, input, output }: FakeUsage = USAGE) {
    await this.begin()
    const stop = { stop: "end_turn", length: "max_tokens", tools: "tool_use", refusal: "refusal" }[reason]
    // Real servers repeat the figures of the prompt here, as totals.
    const fresh = typeof input === "number" && typeof cached === "number" ? input - cached : input
    const usage = { output_tokens: output, input_tokens: fresh, cache_read_input_tokens: cached }
    await this.event("message_delta", { delta: { stop_reason: stop, stop_sequence: null }, usage })
    await this.event("message_stop", {})
    this.close()
  }

  fail({ headers, message, status, type = typeOf(status) }: FakeError) {
    this.json(status, { type: "error", error: { type, message }, request_id: "req_1" }, headers)
  }

  async failInside({ message, status, type = typeOf(status) }: FakeError) {
    await this.event("error", { error: { type, message } })
    this.cut()
  }
}

const types: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  500: "api_error",
  529: "overloaded_error",
}

const typeOf = (status: number): string => types[status] ?? "api_error"
