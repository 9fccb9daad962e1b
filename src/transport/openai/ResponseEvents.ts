/**
 * ResponseEvents: encodes a run as a response of OpenAI, whole and as the events of its stream. Pure, except for the text so
 * far. Responses.ts uses it.
 */
import type { Usage } from "../../domain/Message.ts"
import type { Ended, Piece } from "./AgentRun.ts"
import type { FunctionCall } from "./Conversation.ts"
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
  /** The fields of the request for tools of the client. */
  readonly tools: {
    readonly tools: ReadonlyArray<unknown>
    readonly tool_choice: unknown
    readonly parallel_tool_calls: boolean
  }
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
  ...head.tools,
  text: { format: { type: "text" } },
  max_output_tokens: null,
  metadata: {},
  temperature: null,
  top_p: null,
})

/** The id of an item has the digits of the call's id. */
const itemIdOf = (callId: string): string => callId.replace(/^call_/, "fc_")

/** Returns the id of the call of an item, or `undefined` for an item that is no call. */
export const callIdOf = (itemId: string): string | undefined =>
  itemId.startsWith("fc_") ? itemId.replace(/^fc_/, "call_") : undefined

const itemOf = ({ id, name, ...call }: FunctionCall, status: "in_progress" | "completed") => ({
  id: itemIdOf(id),
  type: "function_call",
  status,
  call_id: id,
  name,
  arguments: status === "completed" ? call.arguments : "",
})

/** Whether the response has a message. One with calls and no text has none. */
const hasMessage = (text: string, { calls }: Ended): boolean => text !== "" || calls.length === 0

/** Returns the items of a run that has not failed: its message, if it has one, and its calls. */
const outputOf = (head: Head, text: string, ended: Ended): ReadonlyArray<object> => {
  const message = messageOf(head, statusOf(ended), [partOf(text)])
  return [...(hasMessage(text, ended) ? [message] : []), ...ended.calls.map((call) => itemOf(call, "completed"))]
}

/** Returns the whole response of a run that has not failed. */
export const responseOf = (head: Head, text: string, ended: Ended) =>
  bodyOf(head, statusOf(ended), { output: outputOf(head, text, ended), usage: ended.usage })

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

  /** The events before the run says anything. */
  begin(): ReadonlyArray<ResponseEvent> {
    const response = bodyOf(this.#head, "in_progress")
    return [this.#event("response.created", { response }), this.#event("response.in_progress", { response })]
  }

  of(piece: Piece): ReadonlyArray<ResponseEvent> {
    switch (piece._tag) {
      case "Thinking":
        return []
      case "Text": {
        const opened = this.#text === "" ? this.#openMessage() : []
        this.#text += piece.text
        return [...opened, this.#ofPart("response.output_text.delta", { delta: piece.text, logprobs: [] })]
      }
      case "RunEnded":
        return piece.outcome === "failed" ? [this.failed(ofRun(piece.error).error)] : this.#end(piece)
    }
  }

  failed(error: OpenAiError): ResponseEvent {
    return this.#event("response.failed", { response: bodyOf(this.#head, "failed", { error }) })
  }

  #openMessage(): ReadonlyArray<ResponseEvent> {
    return [
      this.#event("response.output_item.added", { output_index: 0, item: messageOf(this.#head, "in_progress", []) }),
      this.#ofPart("response.content_part.added", { part: partOf("") }),
    ]
  }

  #closeMessage(ended: Ended): ReadonlyArray<ResponseEvent> {
    const part = partOf(this.#text)
    const item = messageOf(this.#head, statusOf(ended), [part])
    return [
      this.#ofPart("response.output_text.done", { text: this.#text, logprobs: [] }),
      this.#ofPart("response.content_part.done", { part }),
      this.#event("response.output_item.done", { output_index: 0, item }),
    ]
  }

  #ofCall(call: FunctionCall, output_index: number): ReadonlyArray<ResponseEvent> {
    const at = { item_id: itemIdOf(call.id), output_index }
    return [
      this.#event("response.output_item.added", { output_index, item: itemOf(call, "in_progress") }),
      this.#event("response.function_call_arguments.delta", { ...at, delta: call.arguments }),
      this.#event("response.function_call_arguments.done", { ...at, name: call.name, arguments: call.arguments }),
      this.#event("response.output_item.done", { output_index, item: itemOf(call, "completed") }),
    ]
  }

  #end(ended: Ended): ReadonlyArray<ResponseEvent> {
    const message = hasMessage(this.#text, ended)
      ? [...(this.#text === "" ? this.#openMessage() : []), ...this.#closeMessage(ended)]
      : []
    const first = message.length > 0 ? 1 : 0
    const calls = ended.calls.flatMap((call, i) => this.#ofCall(call, first + i))
    const response = responseOf(this.#head, this.#text, ended)
    return [...message, ...calls, this.#event(`response.${statusOf(ended)}`, { response })]
  }

  #ofPart(type: string, fields: object): ResponseEvent {
    return this.#event(type, { item_id: `msg_${this.#head.runId}`, output_index: 0, content_index: 0, ...fields })
  }

  #event(type: string, fields: object): ResponseEvent {
    return { type, sequence_number: this.#sequence++, ...fields }
  }
}
