/** The columns of messages. The stores of this folder use them. */
import type { Message } from "../../../domain/Message.ts"
import { charsOf } from "../Columns.ts"
import type { MessagePage } from "../MessageStore.ts"
import type { Row, Rows } from "./PostgresConnection.ts"
import { columnsOf, parsed } from "./Statements.ts"

/** The columns of a message `m`, with the prefix `m_`. */
export const MESSAGE = columnsOf("m", [
  "id",
  "run_id",
  "role",
  "text",
  "thinking",
  "tool",
  "usage",
  "aborted",
  "failed",
  "summary_up_to",
  "attachments",
  "at",
])

/**
 * The condition that a message `m` belongs to the transcript of the session `$1`. A join instead would read and sort the whole
 * transcript for its newest messages.
 */
export const OF_SESSION = "m.transcript = (SELECT transcript FROM sessions WHERE key = $1)"

/** Reads the columns of `MESSAGE`. */
export const toMessage = (sessionKey: string, row: Row): Message =>
  ({
    id: row["m_id"],
    sessionKey,
    runId: row["m_run_id"],
    role: row["m_role"],
    text: row["m_text"],
    ...(row["m_thinking"] !== null && { thinking: row["m_thinking"] }),
    ...(row["m_tool"] !== null && { tool: { ...parsed(row, "m_tool"), output: row["m_text"] } }),
    ...(row["m_usage"] !== null && { usage: parsed(row, "m_usage") }),
    ...(row["m_aborted"] !== 0 && { aborted: true }),
    ...(row["m_failed"] !== null && { failed: parsed(row, "m_failed") }),
    ...(row["m_summary_up_to"] !== null && { summaryUpTo: row["m_summary_up_to"] }),
    ...(row["m_attachments"] !== null && { attachments: parsed(row, "m_attachments") }),
    at: row["m_at"],
  }) as Message

/**
 * Selects messages, newest first, until their characters reach `maxChars`, but at least one. The column `candidates` counts
 * the messages before that cut. `maxChars`: a parameter, e.g. `$4`.
 */
export const fitting = (select: string, maxChars: string): string => `SELECT * FROM (
    SELECT *, count(*) OVER () AS candidates,
      sum(char_length(m_text) + coalesce(char_length(m_thinking), 0) + coalesce(char_length(m_tool), 0))
        OVER (ORDER BY m_id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS chars
    FROM (${select}) AS newest
  ) AS measured WHERE chars IS NULL OR chars < ${maxChars} ORDER BY m_id DESC`

/**
 * Takes rows of `fitting` until `limit` messages or `maxChars` characters, but at least one. Returns the messages oldest
 * first. `more` is true if a row is left.
 */
export const takeFitting = (sessionKey: string, rows: Rows, limit: number, maxChars: number): MessagePage => {
  const newest: Array<Message> = []
  let chars = 0
  for (const row of rows) {
    if (newest.length === limit || chars >= maxChars) break
    const message = toMessage(sessionKey, row)
    newest.push(message)
    chars += charsOf(message)
  }
  return { messages: newest.toReversed(), more: newest.length < Number(rows[0]?.["candidates"] ?? 0) }
}
