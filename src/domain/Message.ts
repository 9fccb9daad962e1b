/**
 * Messages: what a transcript consists of. A message is added and removed, and its text never changes. A user's message
 * stays whatever becomes of its run: a mark says why no reply followed, and agents are not told a message with a mark.
 */
import * as Schema from "effect/Schema"
import { EpochMillis, MESSAGE_CHARS, NAME_CHARS, nonEmptyText, text } from "./Bounds.ts"
import { RunError } from "./RunError.ts"

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

/** What was said in a session. */
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
  /** True where an abort cut the text off; of a user's message: where it ended the run before the run began. */
  aborted: Schema.optionalKey(Schema.Boolean),
  /** Of a user's message: why its run failed. `RunEnded` tells it. Send the text again to run it again. */
  failed: Schema.optionalKey(RunError),
  at: EpochMillis,
}).annotate({ identifier: "Message" })
export type Message = typeof Message.Type

/** Whether agents are told the message: a user's message without a reply is for people only. */
export const isInHistory = ({ aborted, failed, role }: Pick<Message, "aborted" | "failed" | "role">): boolean =>
  failed === undefined && !(role === "user" && aborted === true)

/** The text of a message that a client sends. */
export const MessageText = nonEmptyText(MESSAGE_CHARS)
