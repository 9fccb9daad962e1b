/**
 * Rows of the messages table: the transcripts. Synchronous, on the raw handle: for use inside a commit, or with the
 * connection's lock held. A message of a run is written once, whatever happens to the run: (session, run, step) is unique.
 */
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import type { Message, MessageRole, ToolCall } from "../../domain/Message.ts"
import type { RunError } from "../../domain/RunError.ts"
import { PREVIEW_CHARS, preview } from "./SessionStore.ts"

export interface NewMessage extends Omit<Message, "id"> {
  /** The place among the messages of its run; 0 is the user's. */
  readonly step: number
  /** Makes an injected message safe to repeat. */
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
  readonly at: number
}

/**
 * Characters of messages read in one go: what the event loop may wait for, and what goes to a client at once. A page is
 * one message at least.
 */
const PAGE_CHARS = 1_048_576

/** A tool's output is the text of its message: it is kept once. */
type KeptTool = Omit<ToolCall, "output">

const toolOf = (kept: KeptTool, output: string): ToolCall => ({ ...kept, output })

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
  at: row.at,
})

const keptTool = ({ callId, isError, input, name }: ToolCall): KeptTool => ({ callId, name, input, isError })

/** The first `limit` of the rows, and no more than fit into `maxChars`: one at least. Given newest first. */
const fitting = (rows: Iterable<Record<string, SQLOutputValue>>, limit: number, maxChars: number) => {
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
    (session_key, run_id, step, injection_key, role, text, thinking, tool, usage, aborted, failed, at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_key, run_id, step) DO NOTHING`)
  const selectPage = db.prepare("SELECT * FROM messages WHERE session_key = ? AND id < ? ORDER BY id DESC LIMIT ?")
  /** As `isInHistory` has it. */
  const selectHistory = db.prepare(`SELECT * FROM messages WHERE session_key = ? AND id < ?
    AND failed IS NULL AND NOT (role = 'user' AND aborted <> 0) ORDER BY id DESC LIMIT ?`)
  // SQLite counts characters, and none of them is shorter than one of JavaScript's.
  const selectBeginnings = db.prepare(`SELECT role, substr(text, 1, ${PREVIEW_CHARS + 1}) AS text FROM messages
    WHERE session_key = ? ORDER BY id DESC LIMIT ?`)
  const selectOfRun = db.prepare("SELECT * FROM messages WHERE session_key = ? AND run_id = ? ORDER BY step")
  const selectInjected = db.prepare("SELECT * FROM messages WHERE injection_key = ?")
  const selectNewestId = db.prepare("SELECT max(id) AS id FROM messages WHERE session_key = ?")
  const takeBack = db.prepare("DELETE FROM messages WHERE session_key = ? AND run_id = ? AND step >= ? RETURNING id")
  const fail = db.prepare(
    "UPDATE messages SET failed = ? WHERE session_key = ? AND run_id = ? AND step = 0 AND failed IS NULL",
  )
  const removeSome = db.prepare(
    "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE session_key = ? ORDER BY id LIMIT ?)",
  )

  const messages = (rows: ReadonlyArray<Record<string, SQLOutputValue>>): ReadonlyArray<Message> =>
    rows.map((row) => toMessage(row as Row))

  return {
    /** The message with its id; undefined if this step of its run has been written before. */
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
        rest.tool === undefined ? null : JSON.stringify(keptTool(rest.tool)),
        rest.usage === undefined ? null : JSON.stringify(rest.usage),
        rest.aborted === true ? 1 : 0,
        rest.failed === undefined ? null : JSON.stringify(rest.failed),
        rest.at,
      )
      return changes === 0 ? undefined : { id: Number(lastInsertRowid), ...rest }
    },
    /** The newest messages older than `before`, oldest first. `more`: there are older ones, or there may be. */
    page: (sessionKey: string, before: number, limit: number) =>
      fitting(selectPage.iterate(sessionKey, before, limit + 1), limit, PAGE_CHARS),
    /** Of the messages older than `before`, the newest that agents are told, oldest first. */
    history: (sessionKey: string, before: number, limit: number, maxChars: number): ReadonlyArray<Message> =>
      fitting(selectHistory.iterate(sessionKey, before, limit), limit, maxChars).messages,
    /** How the newest messages begin, oldest first. */
    beginnings: (sessionKey: string, limit: number) =>
      selectBeginnings
        .all(sessionKey, limit)
        .map((row) => {
          const { role, text } = row as Pick<Row, "role" | "text">
          return { role, text: preview(text) }
        })
        .toReversed(),
    ofRun: (sessionKey: string, runId: string): ReadonlyArray<Message> => messages(selectOfRun.all(sessionKey, runId)),
    injected: (key: string): Message | undefined => messages(selectInjected.all(key))[0],
    newestId: (sessionKey: string): number | null => {
      const id = selectNewestId.get(sessionKey)?.["id"] ?? null
      return id === null ? null : Number(id)
    },
    /** Marks what the run was asked with the reason why it failed; false: the message has not been written. */
    fail: (sessionKey: string, runId: string, error: RunError): boolean =>
      fail.run(JSON.stringify(error), sessionKey, runId).changes > 0,
    /** Removes what a run has written from a step on; answers the ids. */
    takeBack: (sessionKey: string, runId: string, fromStep: number): ReadonlyArray<number> =>
      takeBack.all(sessionKey, runId, fromStep).map((row) => Number(row["id"])),
    /** Removes the oldest messages of a session, `limit` at most; answers how many went. */
    removeSome: (sessionKey: string, limit: number): number => Number(removeSome.run(sessionKey, limit).changes),
  }
}
