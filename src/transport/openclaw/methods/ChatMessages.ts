/**
 * Chat messages: a transcript's messages in this dialect's form, where a message is a list of content blocks and a tool
 * call is two messages: the assistant's call and the tool's result. Pure.
 */
import type { Message, Usage } from "../../../domain/Message.ts"
import { parseJson, shortened } from "../../../domain/Text.ts"
import { isObject, type JsonObject } from "../../dialect/Json.ts"

const textBlock = (text: string) => ({ type: "text", text })

/** What clients keep of a message beside what it says: by `id` and `seq` they know it again. */
const metadata = ({ id, runId }: Message, part = "") => ({
  id: `${id}${part}`,
  seq: id,
  ...(runId !== null && { runId }),
})

export const usageOf = ({ inputTokens, outputTokens }: Usage) => ({
  input: inputTokens,
  output: outputTokens,
  cacheRead: 0,
  cacheWrite: 0,
  totalTokens: inputTokens + outputTokens,
})

/** Tool input is JSON as a rule; what is not is the one argument. */
export const argumentsOf = (input: string): JsonObject => {
  try {
    const json = parseJson(input)
    if (isObject(json)) return json
  } catch {
    // Not JSON: told as it is.
  }
  return input === "" ? {} : { input }
}

/** An assistant's text that is still being said, or that is known by nothing but its text. */
export const assistantText = (text: string, timestamp: number) => ({
  role: "assistant",
  content: [textBlock(text)],
  timestamp,
})

const assistant = (message: Message): JsonObject => ({
  role: "assistant",
  content: [
    ...(message.thinking === undefined || message.thinking === ""
      ? []
      : [{ type: "thinking", thinking: message.thinking }]),
    textBlock(message.text),
  ],
  stopReason: message.aborted === true ? "aborted" : "stop",
  ...(message.usage !== undefined && { usage: usageOf(message.usage) }),
  timestamp: message.at,
  __openclaw: metadata(message),
})

/** In the place of the reply that a run owes: clients show why there is none. */
const unanswered = (message: Message, stopReason: "aborted" | "error", errorMessage: string): JsonObject => ({
  role: "assistant",
  content: [],
  stopReason,
  errorMessage,
  timestamp: message.at,
  __openclaw: metadata(message, "-end"),
})

const user = (message: Message): JsonObject => ({
  role: "user",
  content: message.text,
  timestamp: message.at,
  // As the sender, who shows the message before it is accepted, will know it again.
  ...(message.runId !== null && { idempotencyKey: `${message.runId}:user` }),
  __openclaw: metadata(message),
})

const toolCall = (message: Message): ReadonlyArray<JsonObject> => {
  const { at: timestamp, text, tool } = message
  if (tool === undefined)
    return [{ role: "system", content: [textBlock(text)], timestamp, __openclaw: metadata(message) }]
  const { callId, input, isError, name, output } = tool
  return [
    {
      role: "assistant",
      content: [{ type: "toolCall", id: callId, name, arguments: argumentsOf(input) }],
      stopReason: "toolUse",
      timestamp,
      __openclaw: metadata(message, "-call"),
    },
    {
      role: "toolResult",
      toolCallId: callId,
      toolName: name,
      content: [textBlock(output)],
      isError,
      timestamp,
      __openclaw: metadata(message),
    },
  ]
}

/** In order; several where a message of the contract is several here. */
export const messagesOf = (message: Message): ReadonlyArray<JsonObject> => {
  switch (message.role) {
    case "user":
      if (message.failed !== undefined) return [user(message), unanswered(message, "error", message.failed.message)]
      if (message.aborted === true) return [user(message), unanswered(message, "aborted", "The run did not begin.")]
      return [user(message)]
    case "assistant":
      return [assistant(message)]
    case "tool":
      return toolCall(message)
    case "system":
      return [
        { role: "system", content: [textBlock(message.text)], timestamp: message.at, __openclaw: metadata(message) },
      ]
  }
}

/** Returns the message with its text cut to what the client asks for. */
export const cut = (message: Message, maxChars: number): Message =>
  message.text.length <= maxChars ? message : { ...message, text: shortened(message.text, maxChars) }
