/** The statements of the sessions table. The stores in this folder use them, inside a transaction or to read. */
import { randomUUID } from "node:crypto"
import type { DatabaseSync } from "node:sqlite"
import type { QueueMode, ThinkingLevel } from "../../../domain/Run.ts"
import type { Activity, Session } from "../../../domain/Session.ts"
import type { Counters } from "../Columns.ts"
import type { NewSession, SessionSettings } from "../SessionStore.ts"

/**
 * The columns of a session, as an array: SQLite makes arrays several times as fast as objects. An open turn is "queued" or
 * "running", and `max` prefers "running" because it sorts after "queued".
 */
const COLUMNS = `key, agent_id, kind, display_name, label, channel, peer_id, model, coalesce(
  (SELECT max(t.state) FROM turns t WHERE t.session_key = sessions.key AND t.ended_at IS NULL), 'idle'),
  message_count, history_count, last_message, input_tokens, output_tokens, context_tokens, created_at, updated_at,
  thinking, queue, parent_key, emptied_at`

type Row = readonly [
  key: string,
  agentId: string,
  kind: string,
  displayName: string,
  label: string | null,
  channel: string | null,
  peerId: string | null,
  model: string | null,
  activity: Activity,
  messageCount: number,
  historyCount: number,
  lastMessage: string | null,
  inputTokens: number,
  outputTokens: number,
  contextTokens: number,
  createdAt: number,
  updatedAt: number,
  thinking: ThinkingLevel | null,
  queue: QueueMode | null,
  parentKey: string | null,
  emptiedAt: number | null,
  rowid?: number,
]

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

/** Starts each session from the same object, so that thousands of them share one shape in memory. */
const toSession = (row: Row): Session => {
  const session: Mutable<Session> = {
    key: row[0],
    agentId: row[1],
    kind: row[2],
    displayName: row[3],
    label: row[4],
    channel: row[5],
    peerId: row[6],
    model: row[7],
    activity: row[8],
    messageCount: row[9],
    historyCount: row[10],
    lastMessage: row[11],
    inputTokens: row[12],
    outputTokens: row[13],
    totalTokens: row[12] + row[13],
    contextTokens: row[14],
    createdAt: row[15],
    updatedAt: row[16],
  }
  if (row[17] !== null) session.thinking = row[17]
  if (row[18] !== null) session.queue = row[18]
  if (row[19] !== null) session.parentKey = row[19]
  if (row[20] !== null) session.emptiedAt = row[20]
  return session
}

const found = (row: unknown): Session | undefined => (row === undefined ? undefined : toSession(row as Row))

/** The id of a session's transcript. See the migration 0011_transcripts. */
export const TRANSCRIPT = "coalesce(transcript, key)"

export const sessionRows = (db: DatabaseSync) => {
  /** Prepares a statement that returns `COLUMNS`. */
  const rows = (sql: string) => {
    const statement = db.prepare(sql)
    statement.setReturnArrays(true)
    return statement
  }
  const selectPage = rows(`SELECT ${COLUMNS}, rowid FROM sessions WHERE rowid > ? ORDER BY rowid LIMIT ?`)
  const select = rows(`SELECT ${COLUMNS} FROM sessions WHERE key = ?`)
  const insert = rows(`INSERT INTO sessions
    (key, transcript, agent_id, kind, display_name, label, channel, peer_id, model, thinking, queue, parent_key,
     message_count, history_count, last_message, input_tokens, output_tokens, context_tokens, created_at, updated_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, NULL, 0, 0, 0, ?, ?) RETURNING ${COLUMNS}`)
  const touch = rows(`UPDATE sessions SET updated_at = ? WHERE key = ? RETURNING ${COLUMNS}`)
  const update = rows(`UPDATE sessions SET kind = ?, display_name = ?, label = ?, model = ?, thinking = ?, queue = ?,
    updated_at = ? WHERE key = ? RETURNING ${COLUMNS}`)
  const count = rows(`UPDATE sessions SET message_count = message_count + ?, history_count = history_count + ?,
    last_message = coalesce(?, last_message), input_tokens = input_tokens + ?, output_tokens = output_tokens + ?,
    context_tokens = coalesce(?, context_tokens), updated_at = ? WHERE key = ? RETURNING ${COLUMNS}`)
  const retire = db.prepare(`INSERT OR IGNORE INTO old_transcripts SELECT ${TRANSCRIPT} FROM sessions WHERE key = ?`)
  const empty = rows(`UPDATE sessions SET transcript = ?, message_count = 0, history_count = 0, last_message = NULL,
    input_tokens = 0, output_tokens = 0, context_tokens = 0, updated_at = ?,
    emptied_at = max(?, coalesce(emptied_at, created_at) + 1) WHERE key = ? RETURNING ${COLUMNS}`)
  const remove = db.prepare("DELETE FROM sessions WHERE key = ?")

  return {
    /** Returns the sessions whose rowid is above `after`, and the last rowid if there may be more. */
    page: (after: number, limit: number) => {
      const rows: ReadonlyArray<unknown> = selectPage.all(after, limit)
      const last = rows.at(-1) as Row | undefined
      return { sessions: rows.map((row) => toSession(row as Row)), next: rows.length < limit ? undefined : last?.[21] }
    },
    get: (key: string): Session | undefined => found(select.get(key)),
    insert: (session: NewSession): Session => {
      const { agentId, channel, createdAt: at, displayName, key, kind, label, model, parentKey, peerId } = session
      const { queue, thinking } = session
      const values = [agentId, kind, displayName, label, channel, peerId, model, thinking, queue, parentKey, at, at]
      return found(insert.get(key, randomUUID(), ...values))!
    },
    /** Sets `updatedAt`. */
    touch: (key: string, at: number): Session | undefined => found(touch.get(at, key)),
    update: (key: string, to: SessionSettings, at: number): Session | undefined =>
      found(update.get(to.kind, to.displayName, to.label, to.model, to.thinking, to.queue, at, key)),
    /** Adds to the counters and sets `updatedAt`. */
    count: (key: string, changes: Counters, at: number): Session | undefined => {
      const { history, lastMessage = null, messages, usage } = changes
      const { contextTokens = null, inputTokens = 0, outputTokens = 0 } = usage ?? {}
      return found(count.get(messages, history, lastMessage, inputTokens, outputTokens, contextTokens, at, key))
    },
    /** Gives up the transcript. The messages stay until `removeSome` deletes them. */
    retire: (key: string): void => {
      retire.run(key)
    },
    /** Sets a new transcript, resets the counters and sets `emptiedAt`. */
    empty: (key: string, at: number): Session | undefined => found(empty.get(randomUUID(), at, at, key)),
    remove: (key: string): void => {
      remove.run(key)
    },
  }
}

export type SessionRows = ReturnType<typeof sessionRows>
