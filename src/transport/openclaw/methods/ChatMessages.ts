/**
 * ChatMessages: views of a transcript's messages. A view has a list of content blocks. A tool call becomes two views:
 * the assistant's call and the tool's result. Histories and events use it.
 */
import { type Attachment, isImage, READ_BYTES } from "../../../domain/Attachment.ts"
import type { Message, Usage } from "../../../domain/Message.ts"
import { parseJson, shortened } from "../../../domain/Text.ts"
import { isObject, type JsonObject } from "../../dialect/Json.ts"

const textBlock = (text: string) => ({ type: "text", text })

/** Returns the kind by which clients choose a player for a file. */
export const kindOf = ({ type }: Pick<Attachment, "type">): "audio" | "video" | "document" =>
  type.startsWith("audio/") ? "audio" : type.startsWith("video/") ? "video" : "document"

/** The Control UI takes the link of `artifacts.download` only for a picture with an address of this form. */
const outgoingUrl = (sessionKey: string, id: string): string =>
  `/api/chat/media/outgoing/${encodeURIComponent(sessionKey)}/${id}/full`

/** Returns the function that makes the block of a file. Clients fetch its content by `artifacts.download`. */
const fileBlock = (sessionKey: string) => (attachment: Attachment) => {
  const { height, id, name, size, type, width } = attachment
  const facts = { artifactId: id, mimeType: type, sizeBytes: size }
  if (isImage(attachment)) {
    const isLinked = size > READ_BYTES
    return {
      type: "image",
      ...facts,
      fileName: name,
      alt: name,
      ...(width !== undefined && { width, height }),
      ...(isLinked && { url: outgoingUrl(sessionKey, id) }),
    }
  }
  return {
    type: "attachment",
    attachment: { url: `media://inbound/${id}`, kind: kindOf(attachment), label: name, ...facts },
  }
}

/** A text alone stays a text, as the reference gateway writes it. */
const contentOf = ({ attachments = [], sessionKey, text }: Message): unknown =>
  attachments.length === 0
    ? text
    : [...(text === "" ? [] : [textBlock(text)]), ...attachments.map(fileBlock(sessionKey))]

/** The metadata of a message. By `id` and `seq`, clients recognize a message that they have already. */
const metadata = ({ id, runId }: Message, part = "") => ({
  id: `${id}${part}`,
  seq: id,
  ...(runId !== null && { runId }),
})

/** Clients add `input` and the tokens of the cache. The contract does not say how many tokens the cache stored. */
export const usageOf = ({ cachedInputTokens = 0, inputTokens, outputTokens }: Usage) => ({
  input: inputTokens - cachedInputTokens,
  output: outputTokens,
  cacheRead: cachedInputTokens,
  cacheWrite: 0,
  totalTokens: inputTokens + outputTokens,
})

/** Returns the input of a tool as an object. Other input becomes the member `input`. */
export const argumentsOf = (input: string): JsonObject => {
  try {
    const json = parseJson(input)
    if (isObject(json)) return json
  } catch {
    // Not JSON.
  }
  return input === "" ? {} : { input }
}

/** A message of an assistant of which only the text is known, such as the partial output of a run. */
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
    ...(message.attachments ?? []).map(fileBlock(message.sessionKey)),
  ],
  stopReason: message.aborted === true ? "aborted" : "stop",
  ...(message.usage !== undefined && { usage: usageOf(message.usage) }),
  timestamp: message.at,
  __openclaw: metadata(message),
})

/** A message in place of the reply, or after one that was cut off. Clients show the reason. */
const missingReply = (message: Message, stopReason: "aborted" | "error", errorMessage: string): JsonObject => ({
  role: "assistant",
  content: [],
  stopReason,
  errorMessage,
  timestamp: message.at,
  __openclaw: metadata(message, "-end"),
})

const user = (message: Message): JsonObject => ({
  role: "user",
  content: contentOf(message),
  timestamp: message.at,
  // The sender shows its message before the acceptance. It recognizes the stored message by this key.
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
      content: [textBlock(output), ...(message.attachments ?? []).map(fileBlock(message.sessionKey))],
      isError,
      timestamp,
      __openclaw: metadata(message),
    },
  ]
}

/** Returns the views of a message in order: one or two. */
export const messagesOf = (message: Message): ReadonlyArray<JsonObject> => {
  switch (message.role) {
    case "user":
      if (message.failed !== undefined) return [user(message), missingReply(message, "error", message.failed.message)]
      if (message.aborted === true) return [user(message), missingReply(message, "aborted", "The run did not begin.")]
      return [user(message)]
    case "assistant":
      if (message.failed === undefined) return [assistant(message)]
      return [assistant(message), missingReply(message, "error", message.failed.message)]
    case "tool":
      return toolCall(message)
    case "system":
      return [
        { role: "system", content: [textBlock(message.text)], timestamp: message.at, __openclaw: metadata(message) },
      ]
  }
}

/** Returns the message with its text cut to `maxChars`. */
export const cut = (message: Message, maxChars: number): Message =>
  message.text.length <= maxChars ? message : { ...message, text: shortened(message.text, maxChars) }
