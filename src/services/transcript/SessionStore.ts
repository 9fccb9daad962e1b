/**
 * Rows of the sessions table. Synchronous, on the raw handle: for use inside a commit, or with the connection's lock
 * held. What a session does now is not a column: it is read off its open turns, so the two can never disagree.
 */
import type { DatabaseSync } from "node:sqlite"
import type { Usage } from "../../domain/Message.ts"
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

/** What a session is when it begins. */
export type NewSession = Pick<
  Session,
  "key" | "agentId" | "kind" | "displayName" | "label" | "channel" | "peerId" | "model" | "createdAt"
>

/** What can be said about a session without its conversation going on. */
export type SessionSettings = Pick<Session, "kind" | "displayName" | "label" | "model">

/** What has come to a session's transcript and counters. */
export interface Counters {
  readonly messages: number
  /** How many of them agents are told. */
  readonly history: number
  /** Left out: the newest message is still the same. */
  readonly lastMessage?: string | null | undefined
  readonly usage?: Usage | undefined
}

/** Characters of a text that a list shows. */
export const PREVIEW_CHARS = 200

/** Returns as much of a text as a list shows. */
export const preview = (text: string): string => cut(text, PREVIEW_CHARS)

// `max` finds the answer among the two states of an open turn because "running" sorts after "queued".
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
    (key, agent_id, kind, display_name, label, channel, peer_id, model, message_count, history_count,
     last_message, input_tokens, output_tokens, context_tokens, created_at, updated_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, NULL, 0, 0, 0, ?, ?)`)
  const settings = db.prepare(
    "UPDATE sessions SET kind = ?, display_name = ?, label = ?, model = ?, updated_at = ? WHERE key = ?",
  )
  const grow = db.prepare(`UPDATE sessions SET message_count = message_count + ?, history_count = history_count + ?,
    input_tokens = input_tokens + ?, output_tokens = output_tokens + ?, context_tokens = coalesce(?, context_tokens), updated_at = ? WHERE key = ?`)
  const setLastMessage = db.prepare("UPDATE sessions SET last_message = ? WHERE key = ?")
  // Each time another, whatever the clock says: a client must see that it is another conversation.
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
      const { agentId, channel, createdAt, displayName, key, kind, label, model, peerId } = session
      insert.run(key, agentId, kind, displayName, label, channel, peerId, model, createdAt, createdAt)
    },
    set: (key: string, to: SessionSettings, at: number): void => {
      settings.run(to.kind, to.displayName, to.label, to.model, at, key)
    },
    grow: (key: string, { history, lastMessage, messages, usage }: Counters, at: number): void => {
      grow.run(
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
    empty: (key: string, at: number): void => {
      empty.run(at, at, key)
    },
    remove: (key: string): boolean => remove.run(key).changes > 0,
  }
}
