/** The columns of sessions, and the statement that opens or changes one. The stores of this folder use them. */
import type { Session } from "../../../domain/Session.ts"
import type { Counters } from "../Columns.ts"
import { type NewSession, preview } from "../SessionStore.ts"
import type { Row } from "./PostgresConnection.ts"
import { columnsOf } from "./Statements.ts"

/** The columns of a session `s`, with the prefix `s_`. */
export const SESSION = columnsOf("s", [
  "key",
  "agent_id",
  "kind",
  "display_name",
  "label",
  "channel",
  "peer_id",
  "model",
  "thinking",
  "queue",
  "parent_key",
  "message_count",
  "history_count",
  "last_message",
  "input_tokens",
  "output_tokens",
  "context_tokens",
  "created_at",
  "updated_at",
  "emptied_at",
])

/**
 * Returns the activity of the session `key`. An open turn is "queued" or "running", and `max` prefers "running". A
 * statement sees the turns as they were before it: `besides` is what the statement itself changes.
 */
export const activity = (key: string, idle: string, besides = "true"): string =>
  `coalesce((SELECT max(o.state) FROM turns o WHERE o.session_key = ${key} AND o.ended_at IS NULL AND ${besides}),
    '${idle}') AS activity`

/** Reads the columns of `SESSION` and `activity`. */
export const toSession = (row: Row): Session =>
  ({
    key: row["s_key"],
    agentId: row["s_agent_id"],
    kind: row["s_kind"],
    displayName: row["s_display_name"],
    label: row["s_label"],
    channel: row["s_channel"],
    peerId: row["s_peer_id"],
    model: row["s_model"],
    ...(row["s_thinking"] !== null && { thinking: row["s_thinking"] }),
    ...(row["s_queue"] !== null && { queue: row["s_queue"] }),
    ...(row["s_parent_key"] !== null && { parentKey: row["s_parent_key"] }),
    activity: row["activity"],
    messageCount: row["s_message_count"],
    historyCount: row["s_history_count"],
    // The column may be longer: PostgreSQL counts code points, JavaScript UTF-16 units.
    lastMessage: row["s_last_message"] === null ? null : preview(String(row["s_last_message"])),
    inputTokens: row["s_input_tokens"],
    outputTokens: row["s_output_tokens"],
    totalTokens: Number(row["s_input_tokens"]) + Number(row["s_output_tokens"]),
    contextTokens: row["s_context_tokens"],
    createdAt: row["s_created_at"],
    updatedAt: row["s_updated_at"],
    ...(row["s_emptied_at"] !== null && { emptiedAt: row["s_emptied_at"] }),
  }) as Session

/** The number of parameters of `openSession`. Further ones come after them. */
export const OPEN_PARAMS = 19

/**
 * Adds the session or changes its counters, as `s` with the column `opened`. Without a time of change, an existing session
 * stays as it is. `from`: an expression of the statement; without a row in it, nothing happens. `counts`: the condition
 * under which a message counts.
 */
export const openSession = (from = "", counts = "true"): string => `s AS (
  INSERT INTO sessions AS s (key, agent_id, kind, display_name, label, channel, peer_id, model, thinking, queue,
    parent_key, created_at, updated_at, message_count, history_count, last_message, input_tokens, output_tokens,
    context_tokens)
  SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, coalesce($13::bigint, $12),
    CASE WHEN ${counts} THEN $14::bigint ELSE 0 END, CASE WHEN ${counts} THEN $15::bigint ELSE 0 END,
    CASE WHEN ${counts} THEN $16::text END, $17, $18, coalesce($19::bigint, 0) ${from}
  ON CONFLICT (key) DO UPDATE SET
    updated_at = coalesce($13, s.updated_at),
    message_count = s.message_count + excluded.message_count,
    history_count = s.history_count + excluded.history_count,
    last_message = coalesce(excluded.last_message, s.last_message),
    input_tokens = s.input_tokens + $17,
    output_tokens = s.output_tokens + $18,
    context_tokens = coalesce($19, s.context_tokens)
  RETURNING s.*, xmax = 0 AS opened)`

/** Returns the parameters of `openSession`. */
export const openParams = (session: NewSession, at: number | null, counters: Counters): ReadonlyArray<unknown> => [
  session.key,
  session.agentId,
  session.kind,
  session.displayName,
  session.label,
  session.channel,
  session.peerId,
  session.model,
  session.thinking,
  session.queue,
  session.parentKey,
  session.createdAt,
  at,
  counters.messages,
  counters.history,
  counters.lastMessage ?? null,
  counters.usage?.inputTokens ?? 0,
  counters.usage?.outputTokens ?? 0,
  counters.usage?.contextTokens ?? null,
]
