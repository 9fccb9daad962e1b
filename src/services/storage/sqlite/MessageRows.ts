/** The statements of the messages table. The stores in this folder use them, inside a transaction or to read. */
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import type { Message, MessageRole, ToolCall } from "../../../domain/Message.ts"
import type { RunError } from "../../../domain/RunError.ts"
import { charsOf, json, type StoredTool, toolColumn } from "../Columns.ts"
import type { MessagePage } from "../MessageStore.ts"
import { PREVIEW_CHARS, preview } from "../SessionStore.ts"
import { TRANSCRIPT } from "./SessionRows.ts"

export interface NewMessage extends Omit<Message, "id"> {
  /** The index among the messages of its run. The user's message is 0. */
  readonly step: number
  /** The idempotency key of an injected message. */
  readonly injectionKey?: string | undefined
}

type Row = {
  readonly id: number
  readonly run_id: string | null
  readonly role: MessageRole
  readonly text: string
  readonly thinking: string | null
  readonly tool: string | null
  readonly usage: string | null
  readonly aborted: number
  readonly failed: string | null
  readonly summary_up_to: number | null
  readonly attachments: string | null
  readonly at: number
}

type AnyRow = Record<string, SQLOutputValue>

const toolOf = (stored: StoredTool, output: string): ToolCall => ({ ...stored, output })

const toMessage = (sessionKey: string, row: Row): Message => ({
  id: row.id,
  sessionKey,
  runId: row.run_id,
  role: row.role,
  text: row.text,
  ...(row.thinking !== null && { thinking: row.thinking }),
  ...(row.tool !== null && { tool: toolOf(JSON.parse(row.tool), row.text) }),
  ...(row.usage !== null && { usage: JSON.parse(row.usage) }),
  ...(row.aborted !== 0 && { aborted: true }),
  ...(row.failed !== null && { failed: JSON.parse(row.failed) }),
  ...(row.summary_up_to !== null && { summaryUpTo: row.summary_up_to }),
  ...(row.attachments !== null && { attachments: JSON.parse(row.attachments) }),
  at: row.at,
})

/**
 * Takes rows, newest first, until `limit` messages or `maxChars` characters, but at least one. Returns the messages oldest
 * first. `more` is true if a row is left.
 */
const takeFitting = (sessionKey: string, rows: Iterable<AnyRow>, limit: number, maxChars: number): MessagePage => {
  const newest: Array<Message> = []
  let chars = 0
  for (const row of rows) {
    if (newest.length === limit || chars >= maxChars) return { messages: newest.toReversed(), more: true }
    const message = toMessage(sessionKey, row as Row)
    newest.push(message)
    chars += charsOf(message)
  }
  return { messages: newest.toReversed(), more: false }
}

const OF_SESSION = `transcript = (SELECT ${TRANSCRIPT} FROM sessions WHERE key = ?)`

export const messageRows = (db: DatabaseSync) => {
  const insert = db.prepare(`INSERT INTO messages
    (transcript, run_id, step, injection_key, role, text, thinking, tool, usage, aborted, failed, summary_up_to,
     attachments, at)
    SELECT ${TRANSCRIPT}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM sessions WHERE key = ?
    ON CONFLICT (transcript, run_id, step) DO NOTHING RETURNING id`)
  const selectPage = db.prepare(`SELECT * FROM messages WHERE ${OF_SESSION} AND id < ? ORDER BY id DESC LIMIT ?`)
  // The same condition as `isInHistory`. A summary replaces older summaries too.
  const selectHistory = db.prepare(`SELECT * FROM messages WHERE ${OF_SESSION} AND id > ? AND id < ?
    AND (role <> 'user' OR (failed IS NULL AND aborted = 0)) AND summary_up_to IS NULL ORDER BY id DESC LIMIT ?`)
  const selectSummary = db.prepare(`SELECT * FROM messages WHERE ${OF_SESSION} AND summary_up_to IS NOT NULL
    AND summary_up_to < ? ORDER BY id DESC LIMIT 1`)
  const selectOne = db.prepare(`SELECT 1 FROM messages WHERE ${OF_SESSION} AND id = ?`)
  // SQLite counts code points, each of which has at least one UTF-16 unit.
  const selectPreviews = db.prepare(`SELECT role, substr(text, 1, ${PREVIEW_CHARS + 1}) AS text FROM messages
    WHERE ${OF_SESSION} ORDER BY id DESC LIMIT ?`)
  const selectOfRun = db.prepare(`SELECT * FROM messages WHERE ${OF_SESSION} AND run_id = ? ORDER BY step`)
  const selectStep = db.prepare(`SELECT id FROM messages WHERE ${OF_SESSION} AND run_id = ? AND step = ?`)
  // SQLite would read all sessions. CROSS JOIN keeps the order, and "+" drops the affinity that the index does not have.
  const selectInjected = db.prepare(`SELECT sessions.key AS session_key, messages.* FROM messages
    CROSS JOIN sessions ON coalesce(sessions.transcript, sessions.key) = +messages.transcript WHERE injection_key = ?`)
  const freeKey = db.prepare("UPDATE messages SET injection_key = NULL WHERE injection_key = ?")
  const selectNewestId = db.prepare(`SELECT max(id) AS id FROM messages WHERE ${OF_SESSION}`)
  const retract = db.prepare(`DELETE FROM messages WHERE ${OF_SESSION} AND run_id = ? AND step >= 1 RETURNING id`)
  const markFailed = db.prepare(
    `UPDATE messages SET failed = ? WHERE ${OF_SESSION} AND run_id = ? AND step = 0 AND failed IS NULL`,
  )
  const oldTranscript = db.prepare("SELECT transcript FROM old_transcripts LIMIT 1")
  const forgetTranscript = db.prepare("DELETE FROM old_transcripts WHERE transcript = ?")
  const markUnused = db.prepare(`UPDATE attachments SET used = 0
    WHERE id IN (SELECT id FROM attachment_uses WHERE transcript = ?1) AND NOT EXISTS
      (SELECT 1 FROM attachment_uses u WHERE u.id = attachments.id AND u.transcript <> ?1)`)
  const endUses = db.prepare("DELETE FROM attachment_uses WHERE transcript = ?")
  const removeOldest = db.prepare(
    "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE transcript = ? ORDER BY id LIMIT ?)",
  )

  const newestSummary = (sessionKey: string, before: number): Message | undefined => {
    const row = selectSummary.get(sessionKey, before)
    return row === undefined ? undefined : toMessage(sessionKey, row as Row)
  }

  return {
    /** Returns `undefined` if the run has written this step before, or if the session does not exist. */
    insert: (message: NewMessage): Message | undefined => {
      const { injectionKey, step, ...rest } = message
      const row = insert.get(
        rest.runId,
        step,
        injectionKey ?? null,
        rest.role,
        rest.text,
        rest.thinking ?? null,
        toolColumn(rest.tool),
        json(rest.usage),
        rest.aborted === true ? 1 : 0,
        json(rest.failed),
        rest.summaryUpTo ?? null,
        rest.attachments === undefined ? null : JSON.stringify(rest.attachments),
        rest.at,
        rest.sessionKey,
      )
      return row === undefined ? undefined : { id: Number(row["id"]), ...rest }
    },
    page: (sessionKey: string, before: number, limit: number, maxChars: number): MessagePage =>
      takeFitting(sessionKey, selectPage.iterate(sessionKey, before, limit + 1), limit, maxChars),
    history: (sessionKey: string, before: number, limit: number, maxChars: number): ReadonlyArray<Message> => {
      const summary = newestSummary(sessionKey, before)
      const rows = selectHistory.iterate(sessionKey, summary?.summaryUpTo ?? 0, before, limit)
      const { messages } = takeFitting(sessionKey, rows, limit, maxChars)
      return summary === undefined ? messages : [summary, ...messages]
    },
    /** Returns the newest summary that replaces only messages whose id is below `before`. */
    newestSummary,
    /** Returns whether the session has this message. */
    has: (sessionKey: string, id: number): boolean => selectOne.get(sessionKey, id) !== undefined,
    previews: (sessionKey: string, limit: number) =>
      selectPreviews
        .all(sessionKey, limit)
        .map((row) => {
          const { role, text } = row as Pick<Row, "role" | "text">
          return { role, text: preview(text) }
        })
        .toReversed(),
    ofRun: (sessionKey: string, runId: string): ReadonlyArray<Message> =>
      selectOfRun.all(sessionKey, runId).map((row) => toMessage(sessionKey, row as Row)),
    /** Returns the id of a message of a run, or `undefined`. */
    idOf: (sessionKey: string, runId: string, step: number): number | undefined => {
      const row = selectStep.get(sessionKey, runId, step)
      return row === undefined ? undefined : Number(row["id"])
    },
    injected: (key: string): Message | undefined => {
      const row = selectInjected.get(key)
      return row === undefined ? undefined : toMessage(String(row["session_key"]), row as Row)
    },
    /** Frees the key, which a message of an old transcript may still have. */
    freeKey: (key: string): void => {
      freeKey.run(key)
    },
    /** Returns null if the session has no messages. */
    newestId: (sessionKey: string): number | null => {
      const id = selectNewestId.get(sessionKey)?.["id"] ?? null
      return id === null ? null : Number(id)
    },
    /** Marks the user's message of a run with the reason of its failure. Returns false if there is no such message. */
    markFailed: (sessionKey: string, runId: string, error: RunError): boolean =>
      markFailed.run(JSON.stringify(error), sessionKey, runId).changes > 0,
    /** Removes all messages of a run but the user's, and returns their ids. */
    retract: (sessionKey: string, runId: string): ReadonlyArray<number> =>
      retract.all(sessionKey, runId).map((row) => Number(row["id"])),
    /** Removes at most `limit` messages of one old transcript. Returns `undefined` if no old transcript has messages. */
    removeOld: (limit: number): number | undefined => {
      const transcript = oldTranscript.get()?.["transcript"]
      if (transcript === undefined) return undefined
      const removed = Number(removeOldest.run(transcript, limit).changes)
      if (removed < limit) {
        markUnused.run(transcript)
        endUses.run(transcript)
        forgetTranscript.run(transcript)
      }
      return removed
    },
  }
}

export type MessageRows = ReturnType<typeof messageRows>
