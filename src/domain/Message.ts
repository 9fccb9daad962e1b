/**
 * Messages: the entries of a transcript. Messages are added and removed; their text never changes. A user's message stays
 * even if its run fails. Then a mark gives the reason, and agents do not see the message. A budget of a run cuts its reply,
 * which agents do see, with such a mark.
 */
import * as Schema from "effect/Schema"
import { Attachment } from "./Attachment.ts"
import { EpochMillis, MESSAGE_CHARS, NAME_CHARS, nonEmptyText, text } from "./Bounds.ts"
import { RunError } from "./RunError.ts"

/** The author. `tool`: a call by an agent with its result. `system`: a note by the gateway or an operator. */
export const MessageRole = Schema.Literals(["user", "assistant", "tool", "system"])
export type MessageRole = typeof MessageRole.Type

/** Tokens, as counted by the model provider. */
export const Usage = Schema.Struct({
  /** All tokens of the prompts, whether the provider reads them from its cache, writes them to it, or neither. */
  inputTokens: Schema.Int,
  /** The part of `inputTokens` that the provider reads from its cache, if it reports it. */
  cachedInputTokens: Schema.optionalKey(Schema.Int),
  /** All tokens that the model wrote, with those of its thinking. */
  outputTokens: Schema.Int,
  /** Tokens of the model's context in use after the run, if the provider reports them. */
  contextTokens: Schema.optionalKey(Schema.Int),
}).annotate({ identifier: "Usage" })
export type Usage = typeof Usage.Type

/** A tool call of an agent with its result. Input and output are the texts of the runtime (often JSON). */
export const ToolCall = Schema.Struct({
  callId: Schema.String,
  name: text(NAME_CHARS),
  input: Schema.String,
  output: Schema.String,
  isError: Schema.Boolean,
}).annotate({ identifier: "ToolCall" })
export type ToolCall = typeof ToolCall.Type

/** One message of a transcript. */
export const Message = Schema.Struct({
  /** Ascends over all transcripts of this gateway and is never used twice. */
  id: Schema.Int,
  sessionKey: Schema.String,
  /** The run that wrote the message. Null for an injected message. */
  runId: Schema.NullOr(Schema.String),
  role: MessageRole,
  text: Schema.String,
  /** The files of the message, as references. */
  attachments: Schema.optionalKey(Schema.Array(Attachment)),
  thinking: Schema.optionalKey(Schema.String),
  tool: Schema.optionalKey(ToolCall),
  usage: Schema.optionalKey(Usage),
  /** True if an abort cut the text off. On a user's message: the abort ended its run before the run started. */
  aborted: Schema.optionalKey(Schema.Boolean),
  /**
   * Why the run failed, as in `RunEnded`. On a user's message: send the text again to run it again. On a reply: the run
   * reached a limit, which cut the reply off.
   */
  failed: Schema.optionalKey(RunError),
  /** On a summary: the id of the newest message that it replaces in the history. Agents see the summary instead. */
  summaryUpTo: Schema.optionalKey(Schema.Int),
  at: EpochMillis,
}).annotate({ identifier: "Message" })
export type Message = typeof Message.Type

/** Returns whether agents see the message. They do not see a user's message whose run failed or never started. */
export const isInHistory = ({ aborted, failed, role }: Pick<Message, "aborted" | "failed" | "role">): boolean =>
  role !== "user" || (failed === undefined && aborted !== true)

/** The text of a message that a client sends. */
export const MessageText = nonEmptyText(MESSAGE_CHARS)
