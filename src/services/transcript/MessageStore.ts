/**
 * Reads and writes the messages table: the transcripts. (session, run, step) is unique, so a run that restarts writes each
 * message once. The functions are synchronous and use the raw connection: call them inside a commit, or while you hold the
 * connection's lock. Transcript.ts uses this module and gives it to Runs and Sessions.
 */
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import type { Message, MessageRole, ToolCall } from "../../domain/Message.ts"
import type { RunError } from "../../domain/RunError.ts"
import { PREVIEW_CHARS, preview } from "./SessionStore.ts"

export interface NewMessage extends Omit<Message, "id"> {
  /** The index among the messages of its run. The user's message is 0. */
  readonly step: number
  /** The idempotency key of an injected message. */
  readonly injectionKey?: string | undefined
}

type Row = {
  readonly id: number
  readonly session_key: string
  readonly run_id: string | null
  readonly role: MessageRole
  readonly text: string
  readonly thinking: string | null
  readonly tool: string | null
  readonly usage: string | null
  readonly aborted: number
  readonly failed: string | null
  readonly summary_up_to: number | null
  readonly at: number
}

/**
 * The characters of a page. Reading a page blocks the event loop, and a client receives it in one frame. A page holds at
 * least one message.
 */
const PAGE_CHARS = 1_048_576

/** The `tool` column. It has no output, because the message's text is the output. */
type StoredTool = Omit<ToolCall, "output">

const toolOf = (stored: StoredTool, output: string): ToolCall => ({ ...stored, output })

const toMessage = (row: Row): Message => ({
  id: row.id,
  sessionKey: row.session_key,
  runId: row.run_id,
  role: row.role,
  text: row.text,
  ...(row.thinking !== null && { thinking: row.thinking }),
  ...(row.tool !== null && { tool: toolOf(JSON.parse(row.tool), row.text) }),
  ...(row.usage !== null && { usage: JSON.parse(row.usage) }),
  ...(row.aborted !== 0 && { aborted: true }),
  ...(row.failed !== null && { failed: JSON.parse(row.failed) }),
  ...(row.summary_up_to !== null && { summaryUpTo: row.summary_up_to }),
  at: row.at,
})

const toStoredTool = ({ callId, isError, input, name }: ToolCall): StoredTool => ({ callId, name, input, isError })

/**
 * Takes rows, newest first, until `limit` messages or `maxChars` characters, but at least one. Returns the messages oldest
 * first. `more` is true if a row is left.
 */
const takeFitting = (rows: Iterable<Record<string, SQLOutputValue>>, limit: number, maxChars: number) => {
  const newest: Array<Message> = []
  let chars = 0
  for (const row of rows) {
    if (newest.length === limit || chars >= maxChars) return { messages: newest.toReversed(), more: true }
    const message = toMessage(row as Row)
    newest.push(message)
    chars += message.text.length + (message.thinking?.length ?? 0)
    if (message.tool !== undefined) chars += message.tool.input.length + message.tool.output.length
  }
  return { messages: newest.toReversed(), more: false }
}

export const messageStore = (db: DatabaseSync) => {
  const insert = db.prepare(`INSERT INTO messages
    (session_key, run_id, step, injection_key, role, text, thinking, tool, usage, aborted, failed, summary_up_to, at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_key, run_id, step) DO NOTHING`)
  const selectPage = db.prepare("SELECT * FROM messages WHERE session_key = ? AND id < ? ORDER BY id DESC LIMIT ?")
  // The same condition as `isInHistory`. A summary replaces older summaries too.
  const selectHistory = db.prepare(`SELECT * FROM messages WHERE session_key = ? AND id > ? AND id < ?
    AND failed IS NULL AND NOT (role = 'user' AND aborted <> 0) AND summary_up_to IS NULL ORDER BY id DESC LIMIT ?`)
  const selectSummary = db.prepare(`SELECT * FROM messages WHERE session_key = ? AND summary_up_to IS NOT NULL
    AND summary_up_to < ? ORDER BY id DESC LIMIT 1`)
  const selectOne = db.prepare("SELECT id FROM messages WHERE id = ? AND session_key = ?")
  // SQLite counts code points, each of which has at least one UTF-16 unit.
  const selectPreviews = db.prepare(`SELECT role, substr(text, 1, ${PREVIEW_CHARS + 1}) AS text FROM messages
    WHERE session_key = ? ORDER BY id DESC LIMIT ?`)
  const selectOfRun = db.prepare("SELECT * FROM messages WHERE session_key = ? AND run_id = ? ORDER BY step")
  const selectInjected = db.prepare("SELECT * FROM messages WHERE injection_key = ?")
  const selectNewestId = db.prepare("SELECT max(id) AS id FROM messages WHERE session_key = ?")
  const retract = db.prepare("DELETE FROM messages WHERE session_key = ? AND run_id = ? AND step >= ? RETURNING id")
  const markFailed = db.prepare(
    "UPDATE messages SET failed = ? WHERE session_key = ? AND run_id = ? AND step = 0 AND failed IS NULL",
  )
  const removeOldest = db.prepare(
    "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE session_key = ? ORDER BY id LIMIT ?)",
  )

  const messages = (rows: ReadonlyArray<Record<string, SQLOutputValue>>): ReadonlyArray<Message> =>
    rows.map((row) => toMessage(row as Row))

  const newestSummary = (sessionKey: string, before: number): Message | undefined =>
    messages(selectSummary.all(sessionKey, before))[0]

  return {
    /** Inserts the message and returns it with its id. Returns `undefined` if the run has written this step before. */
    insert: (message: NewMessage): Message | undefined => {
      const { injectionKey, step, ...rest } = message
      const { changes, lastInsertRowid } = insert.run(
        rest.sessionKey,
        rest.runId,
        step,
        injectionKey ?? null,
        rest.role,
        rest.text,
        rest.thinking ?? null,
        rest.tool === undefined ? null : JSON.stringify(toStoredTool(rest.tool)),
        rest.usage === undefined ? null : JSON.stringify(rest.usage),
        rest.aborted === true ? 1 : 0,
        rest.failed === undefined ? null : JSON.stringify(rest.failed),
        rest.summaryUpTo ?? null,
        rest.at,
      )
      return changes === 0 ? undefined : { id: Number(lastInsertRowid), ...rest }
    },
    /** Returns the newest messages whose id is below `before`, oldest first. `more` is true if there are older ones. */
    page: (sessionKey: string, before: number, limit: number) =>
      takeFitting(selectPage.iterate(sessionKey, before, limit + 1), limit, PAGE_CHARS),
    /**
     * Returns the newest messages of the history whose id is below `before`, oldest first. See `isInHistory`. It begins
     * with the newest summary, if there is one, and leaves out the messages that the summary replaces.
     */
    history: (sessionKey: string, before: number, limit: number, maxChars: number): ReadonlyArray<Message> => {
      const summary = newestSummary(sessionKey, before)
      const rows = selectHistory.iterate(sessionKey, summary?.summaryUpTo ?? 0, before, limit)
      const { messages } = takeFitting(rows, limit, maxChars)
      return summary === undefined ? messages : [summary, ...messages]
    },
    /** Returns the newest summary that replaces only messages whose id is below `before`. */
    newestSummary,
    /** Returns whether the session has this message. */
    has: (sessionKey: string, id: number): boolean => selectOne.get(id, sessionKey) !== undefined,
    /** Returns the beginnings of the newest messages, oldest first. */
    previews: (sessionKey: string, limit: number) =>
      selectPreviews
        .all(sessionKey, limit)
        .map((row) => {
          const { role, text } = row as Pick<Row, "role" | "text">
          return { role, text: preview(text) }
        })
        .toReversed(),
    /** Returns the messages that the run has written, in their order. */
    ofRun: (sessionKey: string, runId: string): ReadonlyArray<Message> => messages(selectOfRun.all(sessionKey, runId)),
    /** Returns the injected message with this idempotency key. */
    injected: (key: string): Message | undefined => messages(selectInjected.all(key))[0],
    /** Returns null if the session has no messages. */
    newestId: (sessionKey: string): number | null => {
      const id = selectNewestId.get(sessionKey)?.["id"] ?? null
      return id === null ? null : Number(id)
    },
    /** Marks the user's message of a run with the reason of its failure. Returns false if there is no such message. */
    markFailed: (sessionKey: string, runId: string, error: RunError): boolean =>
      markFailed.run(JSON.stringify(error), sessionKey, runId).changes > 0,
    /** Removes the messages of a run from a step on and returns their ids. */
    retract: (sessionKey: string, runId: string, fromStep: number): ReadonlyArray<number> =>
      retract.all(sessionKey, runId, fromStep).map((row) => Number(row["id"])),
    /** Removes at most `limit` of the oldest messages of the session and returns their number. */
    removeOldest: (sessionKey: string, limit: number): number => Number(removeOldest.run(sessionKey, limit).changes),
  }
}
