/**
 * Reads and writes the sessions table. A session's activity is not a column: the queries derive it from the open turns, so
 * the two cannot disagree. The functions are synchronous and use the raw connection: call them inside a commit, or while
 * you hold the connection's lock. Transcript.ts uses this module and gives it to Sessions and SessionIndex.
 */
import type { DatabaseSync } from "node:sqlite"
import type { Usage } from "../../domain/Message.ts"
import type { QueueMode, ThinkingLevel } from "../../domain/Run.ts"
import type { Activity, Session } from "../../domain/Session.ts"
import { cut } from "../../domain/Text.ts"

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

/** The fields that clients can change. Null: the agent's setting. */
export interface SessionSettings extends Pick<Session, "kind" | "displayName" | "label" | "model"> {
  readonly thinking: ThinkingLevel | null
  readonly queue: QueueMode | null
}

/** The fields of a new session. */
export interface NewSession
  extends SessionSettings, Pick<Session, "key" | "agentId" | "channel" | "peerId" | "createdAt"> {
  readonly parentKey: string | null
}

/** Changes to a session's counters. Negative numbers subtract. */
export interface CounterChanges {
  readonly messages: number
  /** The messages among them that are in the history. See `isInHistory`. */
  readonly history: number
  /** The preview of the newest message. Leave it out if the newest message stays the same. */
  readonly lastMessage?: string | null | undefined
  readonly usage?: Usage | undefined
}

/** The characters of a preview. */
export const PREVIEW_CHARS = 200

/** Returns the beginning of a text for lists, never cut inside a character. */
export const preview = (text: string): string => cut(text, PREVIEW_CHARS)

// An open turn is "queued" or "running". `max` prefers "running" because it sorts after "queued".
const SELECT = `SELECT s.*, coalesce(
  (SELECT max(t.state) FROM turns t WHERE t.session_key = s.key AND t.ended_at IS NULL), 'idle') AS activity
  FROM sessions s`

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

export const sessionStore = (db: DatabaseSync) => {
  const selectAll = db.prepare("SELECT * FROM sessions")
  const selectActive = db.prepare(
    "SELECT session_key, max(state) AS activity FROM turns WHERE ended_at IS NULL GROUP BY session_key",
  )
  const select = db.prepare(`${SELECT} WHERE s.key = ?`)
  const insert = db.prepare(`INSERT INTO sessions
    (key, agent_id, kind, display_name, label, channel, peer_id, model, thinking, queue, parent_key, message_count, history_count,
     last_message, input_tokens, output_tokens, context_tokens, created_at, updated_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, NULL, 0, 0, 0, ?, ?)`)
  const settings = db.prepare(
    "UPDATE sessions SET kind = ?, display_name = ?, label = ?, model = ?, thinking = ?, queue = ?, updated_at = ? WHERE key = ?",
  )
  const addCounters =
    db.prepare(`UPDATE sessions SET message_count = message_count + ?, history_count = history_count + ?,
    input_tokens = input_tokens + ?, output_tokens = output_tokens + ?, context_tokens = coalesce(?, context_tokens), updated_at = ? WHERE key = ?`)
  const setLastMessage = db.prepare("UPDATE sessions SET last_message = ? WHERE key = ?")
  // `emptied_at` grows with each reset, even if the clock stands still, because clients recognize a new conversation by it.
  const empty =
    db.prepare(`UPDATE sessions SET message_count = 0, history_count = 0, last_message = NULL, input_tokens = 0,
    output_tokens = 0, context_tokens = 0, updated_at = ?, emptied_at = max(?, coalesce(emptied_at, created_at) + 1)
    WHERE key = ?`)
  const remove = db.prepare("DELETE FROM sessions WHERE key = ?")

  return {
    all: (): ReadonlyArray<Session> => {
      const activities = new Map(selectActive.all().map(({ activity, session_key }) => [session_key, activity]))
      return selectAll.all().map((row) => toSession({ ...row, activity: activities.get(row["key"]!) ?? "idle" } as Row))
    },
    get: (key: string): Session | undefined => {
      const row = select.get(key)
      return row === undefined ? undefined : toSession(row as Row)
    },
    insert: (session: NewSession): void => {
      const { agentId, channel, createdAt: at, displayName, key, kind, label, model, parentKey, peerId } = session
      const { queue, thinking } = session
      insert.run(key, agentId, kind, displayName, label, channel, peerId, model, thinking, queue, parentKey, at, at)
    },
    update: (key: string, to: SessionSettings, at: number): void => {
      settings.run(to.kind, to.displayName, to.label, to.model, to.thinking, to.queue, at, key)
    },
    /** Adds to the counters and sets `updatedAt`. */
    addCounters: (key: string, { history, lastMessage, messages, usage }: CounterChanges, at: number): void => {
      addCounters.run(
        messages,
        history,
        usage?.inputTokens ?? 0,
        usage?.outputTokens ?? 0,
        usage?.contextTokens ?? null,
        at,
        key,
      )
      if (lastMessage !== undefined) setLastMessage.run(lastMessage, key)
    },
    /** Resets the counters and sets `emptiedAt`. */
    empty: (key: string, at: number): void => {
      empty.run(at, at, key)
    },
    /** Returns whether the session existed. */
    remove: (key: string): boolean => remove.run(key).changes > 0,
  }
}
