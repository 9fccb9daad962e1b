/**
 * AiSdkReader: turns the parts and errors of the AI SDK's interface into ours. AiSdkProvider uses it.
 */
import type { ModelProblem } from "../../../domain/Model.ts"
import type { Part } from "../ChatModel.ts"
import { at, numberAt, parsed, textAt } from "../JsonValue.ts"
import { encodedUsage } from "../ModelUsage.ts"
import { type ProviderProblems, retryAfterOf, statusOf } from "../ProviderProblems.ts"

const reasons: Readonly<Record<string, "stop" | "length" | "tool-calls">> = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool-calls",
}

export class AiSdkReader {
  readonly #problems: ProviderProblems
  readonly #model: string
  #isFinished = false

  constructor(problems: ProviderProblems, model: string) {
    this.#problems = problems
    this.#model = model
  }

  /** Reads one part. Throws a ModelProblem for errors and refusals. */
  push(part: unknown): ReadonlyArray<Part> {
    const id = textAt(part, "id") ?? ""
    const delta = textAt(part, "delta") ?? ""
    const provided = at(part, "providerMetadata")
    const metadata = provided === undefined ? {} : { metadata: JSON.parse(JSON.stringify(provided)) }
    const type = textAt(part, "type")
    switch (type) {
      case "text-start":
      case "text-end":
      case "reasoning-start":
      case "reasoning-end":
        return [{ type, id, ...metadata }]
      case "text-delta":
      case "reasoning-delta":
        return [{ type, id, delta, ...metadata }]
      case "tool-input-start":
        return [{ type: "tool-params-start", id, name: textAt(part, "toolName") ?? "" }]
      case "tool-input-delta":
        return [{ type: "tool-params-delta", id, delta }]
      case "tool-input-end":
        return [{ type: "tool-params-end", id }]
      case "tool-call":
        return at(part, "providerExecuted") === true ? [] : [this.#call(part, metadata)]
      case "error":
        throw this.problem(at(part, "error"), 0)
      case "finish":
        return [this.#finish(part)]
      default:
        return []
    }
  }

  end(): ReadonlyArray<Part> {
    if (!this.#isFinished) throw this.#problems.cut()
    return []
  }

  #call(part: unknown, metadata: object): Part {
    const text = textAt(part, "input") ?? ""
    return {
      type: "tool-call",
      id: textAt(part, "toolCallId") ?? "",
      name: textAt(part, "toolName") ?? "",
      params: text.trim() === "" ? {} : (parsed(text) ?? text),
      ...metadata,
    }
  }

  #finish(part: unknown): Part {
    const unified = textAt(part, "finishReason", "unified") ?? ""
    if (unified === "content-filter") throw this.#problems.refusal()
    if (unified === "error" || unified === "interrupted") throw this.#problems.cut()
    this.#isFinished = true
    const usage = at(part, "usage")
    return {
      type: "finish",
      reason: reasons[unified] ?? "other",
      usage: encodedUsage({
        input: at(usage, "inputTokens", "total"),
        cacheRead: at(usage, "inputTokens", "cacheRead"),
        cacheWrite: at(usage, "inputTokens", "cacheWrite"),
        output: at(usage, "outputTokens", "total"),
        reasoning: at(usage, "outputTokens", "reasoning"),
      }),
    }
  }

  /** Returns the problem of an error that the package threw. `now` counts in milliseconds, for pauses given as dates. */
  problem(error: unknown, now: number): ModelProblem {
    const status = numberAt(error, "statusCode")
    const message = error instanceof Error ? error.message : (textAt(error, "message") ?? String(error))
    const body = at(error, "data") ?? parsed(textAt(error, "responseBody") ?? "") ?? { message }
    if (status !== undefined && status >= 400) {
      const retryAfterMs = retryAfterOf(headersOf(at(error, "responseHeaders")), now)
      return this.#problems.refused({ status, body, model: this.#model, retryAfterMs })
    }
    const name = error instanceof Error ? error.name : ""
    if (name === "AI_LoadAPIKeyError") {
      return this.#problems.of("authentication", "has no key: set its apiKey, apiKeyFile or apiKeyVariable")
    }
    if (name === "AI_APICallError" || name === "TypeError" || name === "AbortError")
      return this.#problems.network(message)
    if (name === "AI_StreamProviderError" || !(error instanceof Error)) {
      return this.#problems.refused({ status: statusOf({ error }), body: { error }, model: this.#model })
    }
    return this.#problems.invalid(message)
  }
}

const headersOf = (headers: unknown): Record<string, string | undefined> => ({
  "retry-after": textAt(headers, "retry-after"),
  "retry-after-ms": textAt(headers, "retry-after-ms"),
})
