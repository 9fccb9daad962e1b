/**
 * Messages: what a transcript consists of. A message never changes once written; a failed run takes its own back.
 */
import * as Schema from "effect/Schema"
import { EpochMillis, MESSAGE_CHARS, NAME_CHARS, nonEmptyText, text } from "./Bounds.ts"

/** Who said it: `tool` is a call that an agent made, with its result; `system` a note by the gateway or an operator. */
export const MessageRole = Schema.Literals(["user", "assistant", "tool", "system"])
export type MessageRole = typeof MessageRole.Type

/** Tokens as the model provider counted them. */
export const Usage = Schema.Struct({
  inputTokens: Schema.Int,
  outputTokens: Schema.Int,
  /** Tokens of the model's context in use after the run, where the provider tells. */
  contextTokens: Schema.optionalKey(Schema.Int),
}).annotate({ identifier: "Usage" })
export type Usage = typeof Usage.Type

/** A tool call of an agent with its result. Input and output are text, as the runtime gave them (often JSON). */
export const ToolCall = Schema.Struct({
  callId: Schema.String,
  name: text(NAME_CHARS),
  input: Schema.String,
  output: Schema.String,
  isError: Schema.Boolean,
}).annotate({ identifier: "ToolCall" })
export type ToolCall = typeof ToolCall.Type

/** What was said in a session, once and for all: messages are added and removed, never changed. */
export const Message = Schema.Struct({
  /** Position in the transcripts of this gateway: ascending, never used twice. */
  id: Schema.Int,
  sessionKey: Schema.String,
  /** The run that wrote it; null for an injected message. */
  runId: Schema.NullOr(Schema.String),
  role: MessageRole,
  text: Schema.String,
  thinking: Schema.optionalKey(Schema.String),
  tool: Schema.optionalKey(ToolCall),
  usage: Schema.optionalKey(Usage),
  /** True where an abort cut the text off. */
  aborted: Schema.optionalKey(Schema.Boolean),
  at: EpochMillis,
}).annotate({ identifier: "Message" })
export type Message = typeof Message.Type

/** The text of a message that a client sends. */
export const MessageText = nonEmptyText(MESSAGE_CHARS)
