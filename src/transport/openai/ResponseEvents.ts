/**
 * ResponseEvents: encodes a run as a response of OpenAI, whole and as the events of its stream. Pure, except for the text so
 * far. Responses.ts uses it.
 */
import type { Usage } from "../../domain/Message.ts"
import type { Ended, Piece } from "./AgentRun.ts"
import { type OpenAiError, ofRun } from "./Errors.ts"

/** The facts of a response that are known before its run. */
export interface Head {
  readonly runId: string
  /** Seconds. */
  readonly createdAt: number
  readonly model: string
  readonly instructions: string | null
  readonly previousId: string | null
  readonly isStored: boolean
}

type Status = "in_progress" | "completed" | "incomplete" | "failed"

/** Returns the status of a run that has not failed. */
const statusOf = ({ outcome }: Ended): "completed" | "incomplete" => (outcome === "done" ? "completed" : "incomplete")

const usageOf = ({ cachedInputTokens = 0, inputTokens, outputTokens }: Usage) => ({
  input_tokens: inputTokens,
  input_tokens_details: { cached_tokens: cachedInputTokens },
  output_tokens: outputTokens,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: inputTokens + outputTokens,
})

const partOf = (text: string) => ({ type: "output_text", text, annotations: [], logprobs: [] })

const messageOf = ({ runId }: Head, status: Exclude<Status, "failed">, content: ReadonlyArray<object>) => ({
  id: `msg_${runId}`,
  type: "message",
  role: "assistant",
  status,
  content,
})

interface Body {
  readonly output?: ReadonlyArray<object>
  readonly usage?: Usage | undefined
  readonly error?: OpenAiError | undefined
}

const bodyOf = (head: Head, status: Status, { error, output = [], usage }: Body = {}) => ({
  id: `resp_${head.runId}`,
  object: "response",
  created_at: head.createdAt,
  status,
  model: head.model,
  output,
  error: error === undefined ? null : { code: "server_error", message: error.message },
  incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
  instructions: head.instructions,
  previous_response_id: head.previousId,
  store: head.isStored,
  usage: usage === undefined ? null : usageOf(usage),
  parallel_tool_calls: false,
  tools: [],
  tool_choice: "auto",
  text: { format: { type: "text" } },
  max_output_tokens: null,
  metadata: {},
  temperature: null,
  top_p: null,
})

/** Returns the whole response of a run that has not failed. */
export const responseOf = (head: Head, text: string, ended: Ended) => {
  const status = statusOf(ended)
  return bodyOf(head, status, { output: [messageOf(head, status, [partOf(text)])], usage: ended.usage })
}

export interface ResponseEvent {
  readonly type: string
  readonly sequence_number: number
  readonly [field: string]: unknown
}

export class ResponseEvents {
  readonly #head: Head
  #sequence = 0
  #text = ""

  constructor(head: Head) {
    this.#head = head
  }

  /** The events before the first text. */
  begin(): ReadonlyArray<ResponseEvent> {
    const response = bodyOf(this.#head, "in_progress")
    return [
      this.#event("response.created", { response }),
      this.#event("response.in_progress", { response }),
      this.#event("response.output_item.added", { output_index: 0, item: messageOf(this.#head, "in_progress", []) }),
      this.#ofPart("response.content_part.added", { part: partOf("") }),
    ]
  }

  of(piece: Piece): ReadonlyArray<ResponseEvent> {
    switch (piece._tag) {
      case "Thinking":
        return []
      case "Text":
        this.#text += piece.text
        return [this.#ofPart("response.output_text.delta", { delta: piece.text, logprobs: [] })]
      case "RunEnded":
        return piece.outcome === "failed" ? [this.failed(ofRun(piece.error).error)] : this.#end(piece)
    }
  }

  failed(error: OpenAiError): ResponseEvent {
    return this.#event("response.failed", { response: bodyOf(this.#head, "failed", { error }) })
  }

  #end(ended: Ended): ReadonlyArray<ResponseEvent> {
    const status = statusOf(ended)
    const part = partOf(this.#text)
    return [
      this.#ofPart("response.output_text.done", { text: this.#text, logprobs: [] }),
      this.#ofPart("response.content_part.done", { part }),
      this.#event("response.output_item.done", { output_index: 0, item: messageOf(this.#head, status, [part]) }),
      this.#event(`response.${status}`, { response: responseOf(this.#head, this.#text, ended) }),
    ]
  }

  #ofPart(type: string, fields: object): ResponseEvent {
    return this.#event(type, { item_id: `msg_${this.#head.runId}`, output_index: 0, content_index: 0, ...fields })
  }

  #event(type: string, fields: object): ResponseEvent {
    return { type, sequence_number: this.#sequence++, ...fields }
  }
}
