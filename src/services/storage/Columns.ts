/**
 * Columns: the values that both databases store in the same form, such as JSON texts and the counters of a session. The
 * stores in storage/sqlite and storage/postgres use it.
 */
import type { Agent } from "../../domain/Agent.ts"
import { isInHistory, type Message, type ToolCall, type Usage } from "../../domain/Message.ts"
import { preview } from "./SessionStore.ts"
import type { TurnInput } from "./TurnRow.ts"

/** Returns the text of a JSON column. */
export const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value))

/** The column `tool` of a message. It has no output, because the message's text is the output. */
export type StoredTool = Omit<ToolCall, "output">

/** Returns the text of the column `tool`. */
export const toolColumn = (tool: ToolCall | undefined): string | null => {
  if (tool === undefined) return null
  const { callId, isError, input, name } = tool
  return JSON.stringify({ callId, name, input, isError } satisfies StoredTool)
}

/** Returns the text of the column `attachments` of a turn: null without attachments. */
export const attachmentsColumn = (attachments: TurnInput["attachments"]): string | null =>
  attachments.length === 0 ? null : JSON.stringify(attachments)

/** Reads the columns `text` and `attachments` of a turn or of its message. Without a row, the input is empty. */
export const toTurnInput = (row: Readonly<Record<string, unknown>> | undefined): TurnInput => {
  const { attachments, text = "" } = row ?? {}
  return { text: String(text), attachments: typeof attachments === "string" ? JSON.parse(attachments) : [] }
}

/** Returns the fields of the user's message. */
export const inputFields = ({ attachments, text }: TurnInput) => ({
  text,
  ...(attachments.length > 0 && { attachments }),
})

/** Returns the characters by which a message counts against the bound of a page. */
export const charsOf = ({ text, thinking, tool }: Message): number =>
  text.length + (thinking?.length ?? 0) + (tool === undefined ? 0 : tool.input.length + tool.output.length)

/** Returns the column `options` of an agent: the settings that an agent need not have. */
export const agentOptions = ({ documents, fallbacks, queue, thinking, tools }: Agent): string =>
  JSON.stringify({ documents, fallbacks, queue, thinking, tools })

/** Changes to a session's counters. Negative numbers subtract. */
export interface Counters {
  readonly messages: number
  /** The messages among them that are in the history. See `isInHistory`. */
  readonly history: number
  /** The preview of the newest message. Leave it out if the newest message stays the same. */
  readonly lastMessage?: string | undefined
  readonly usage?: Usage | undefined
}

export const noCounters: Counters = { messages: 0, history: 0 }

/** Returns the counters that an added message changes. */
export const countersOf = (message: Omit<Message, "id">): Counters => ({
  messages: 1,
  history: isInHistory(message) ? 1 : 0,
  lastMessage: message.role === "tool" || message.summaryUpTo !== undefined ? undefined : preview(message.text),
  usage: message.usage,
})
