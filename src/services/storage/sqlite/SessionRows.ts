/** The statements of the sessions table. The stores in this folder use them, inside a transaction or to read. */
import { randomUUID } from "node:crypto"
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import type { QueueMode, ThinkingLevel } from "../../../domain/Run.ts"
import type { Activity, Session } from "../../../domain/Session.ts"
import type { Counters } from "../Columns.ts"
import type { NewSession, SessionSettings } from "../SessionStore.ts"

type Row = {
  readonly key: string
  readonly agent_id: string
  readonly kind: string
  readonly display_name: string
  readonly label: string | null
  readonly channel: string | null
  readonly peer_id: string | null
  readonly model: string | null
  readonly thinking: ThinkingLevel | null
  readonly queue: QueueMode | null
  readonly parent_key: string | null
  readonly activity: Activity
  readonly message_count: number
  readonly history_count: number
  readonly last_message: string | null
  readonly input_tokens: number
  readonly output_tokens: number
  readonly context_tokens: number
  readonly created_at: number
  readonly updated_at: number
  readonly emptied_at: number | null
}

const toSession = (row: Row): Session => ({
  key: row.key,
  agentId: row.agent_id,
  kind: row.kind,
  displayName: row.display_name,
  label: row.label,
  channel: row.channel,
  peerId: row.peer_id,
  model: row.model,
  ...(row.thinking !== null && { thinking: row.thinking }),
  ...(row.queue !== null && { queue: row.queue }),
  ...(row.parent_key !== null && { parentKey: row.parent_key }),
  activity: row.activity,
  messageCount: row.message_count,
  historyCount: row.history_count,
  lastMessage: row.last_message,
  inputTokens: row.input_tokens,
  outputTokens: row.output_tokens,
  totalTokens: row.input_tokens + row.output_tokens,
  contextTokens: row.context_tokens,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  ...(row.emptied_at !== null && { emptiedAt: row.emptied_at }),
})

const found = (row: Record<string, SQLOutputValue> | undefined): Session | undefined =>
  row === undefined ? undefined : toSession(row as Row)

// An open turn is "queued" or "running". `max` prefers "running" because it sorts after "queued".
const COLUMNS = `*, coalesce(
  (SELECT max(t.state) FROM turns t WHERE t.session_key = sessions.key AND t.ended_at IS NULL), 'idle') AS activity`

/** The id of a session's transcript. See the migration 0011_transcripts. */
export const TRANSCRIPT = "coalesce(transcript, key)"

export const sessionRows = (db: DatabaseSync) => {
  const selectAll = db.prepare("SELECT * FROM sessions")
  const selectActive = db.prepare(
    "SELECT session_key, max(state) AS activity FROM turns WHERE ended_at IS NULL GROUP BY session_key",
  )
  const select = db.prepare(`SELECT ${COLUMNS} FROM sessions WHERE key = ?`)
  const insert = db.prepare(`INSERT INTO sessions
    (key, transcript, agent_id, kind, display_name, label, channel, peer_id, model, thinking, queue, parent_key,
     message_count, history_count, last_message, input_tokens, output_tokens, context_tokens, created_at, updated_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, NULL, 0, 0, 0, ?, ?) RETURNING ${COLUMNS}`)
  const touch = db.prepare(`UPDATE sessions SET updated_at = ? WHERE key = ? RETURNING ${COLUMNS}`)
  const update =
    db.prepare(`UPDATE sessions SET kind = ?, display_name = ?, label = ?, model = ?, thinking = ?, queue = ?,
    updated_at = ? WHERE key = ? RETURNING ${COLUMNS}`)
  const count = db.prepare(`UPDATE sessions SET message_count = message_count + ?, history_count = history_count + ?,
    last_message = coalesce(?, last_message), input_tokens = input_tokens + ?, output_tokens = output_tokens + ?,
    context_tokens = coalesce(?, context_tokens), updated_at = ? WHERE key = ? RETURNING ${COLUMNS}`)
  const retire = db.prepare(`INSERT OR IGNORE INTO old_transcripts SELECT ${TRANSCRIPT} FROM sessions WHERE key = ?`)
  const empty =
    db.prepare(`UPDATE sessions SET transcript = ?, message_count = 0, history_count = 0, last_message = NULL,
    input_tokens = 0, output_tokens = 0, context_tokens = 0, updated_at = ?,
    emptied_at = max(?, coalesce(emptied_at, created_at) + 1) WHERE key = ? RETURNING ${COLUMNS}`)
  const remove = db.prepare("DELETE FROM sessions WHERE key = ?")

  return {
    all: (): ReadonlyArray<Session> => {
      const activities = new Map(selectActive.all().map(({ activity, session_key }) => [session_key, activity]))
      return selectAll.all().map((row) => toSession({ ...row, activity: activities.get(row["key"]!) ?? "idle" } as Row))
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
