/** The store of sessions on PostgreSQL. PostgresStores makes it. */
import * as Effect from "effect/Effect"
import { noCounters } from "../Columns.ts"
import type { Emptied, SessionStore } from "../SessionStore.ts"
import type { Rows } from "./PostgresConnection.ts"
import { activity, openParams, openSession, SESSION, toSession } from "./SessionColumns.ts"
import type { Statements } from "./Statements.ts"
import { toTurn, TURN } from "./TurnColumns.ts"

const first = (rows: Rows) => (rows[0] === undefined ? undefined : toSession(rows[0]))

/** Aborts the open turns of the session `$1` at the time `$2`, and lists its transcript for removal. */
const END_TRANSCRIPT = `old AS (SELECT * FROM sessions WHERE key = $1),
  t AS (UPDATE turns SET state = 'aborted', ended_at = $2, text = '', attachments = NULL FROM old
    WHERE turns.session_key = old.key AND turns.ended_at IS NULL RETURNING turns.*),
  listed AS (INSERT INTO old_transcripts SELECT transcript FROM old WHERE message_count > 0
    OR EXISTS (SELECT FROM attachment_uses u WHERE u.transcript = old.transcript))`

/** Reads one row for each turn that has ended, or one row without a turn. */
const toEmptied = (rows: Rows): Emptied | undefined =>
  rows[0] === undefined
    ? undefined
    : { messages: Number(rows[0]["messages"]), ended: rows.filter((row) => row["t_run_id"] !== null).map(toTurn) }

export const sessionSteps = ({ read, write }: Statements): SessionStore => ({
  page: (after, limit) =>
    Effect.map(
      read(`SELECT ${SESSION}, ${activity("s.key", "idle")} FROM sessions s WHERE s.key > $1 ORDER BY s.key LIMIT $2`, [
        after ?? "",
        limit,
      ]),
      (rows) => {
        const sessions = rows.map(toSession)
        return { sessions, next: sessions.length < limit ? undefined : sessions.at(-1)?.key }
      },
    ),
  get: (key) =>
    Effect.map(read(`SELECT ${SESSION}, ${activity("s.key", "idle")} FROM sessions s WHERE s.key = $1`, [key]), first),
  look: (key) =>
    Effect.map(
      read(
        `SELECT ${SESSION}, ${activity("s.key", "idle")},
          (SELECT max(id) FROM messages m WHERE m.transcript = s.transcript) AS newest
          FROM sessions s WHERE s.key = $1`,
        [key],
      ),
      (rows) => ({ session: first(rows), newestMessageId: (rows[0]?.["newest"] ?? null) as number | null }),
    ),
  open: (session) =>
    Effect.map(
      write(
        `WITH ${openSession()} SELECT ${SESSION}, s.opened, ${activity("s.key", "idle")} FROM s`,
        openParams(session, null, noCounters),
      ),
      (rows) => ({ session: first(rows)!, opened: rows[0]?.["opened"] === true }),
    ),
  update: (key, { displayName, kind, label, model, queue, thinking }, at) =>
    Effect.map(
      write(
        `WITH s AS (UPDATE sessions SET kind = $2, display_name = $3, label = $4, model = $5, thinking = $6, queue = $7,
          updated_at = $8 WHERE key = $1 RETURNING *)
          SELECT ${SESSION}, ${activity("s.key", "idle")} FROM s`,
        [key, kind, displayName, label, model, thinking, queue, at],
      ),
      first,
    ),
  reset: (key, at) =>
    Effect.map(
      write(
        `WITH ${END_TRANSCRIPT},
          s AS (UPDATE sessions SET transcript = nextval('transcripts'), message_count = 0, history_count = 0,
            last_message = NULL, input_tokens = 0, output_tokens = 0, context_tokens = 0, updated_at = $2,
            emptied_at = greatest($2, coalesce(emptied_at, created_at) + 1) WHERE key = $1 RETURNING *)
          SELECT ${SESSION}, 'idle' AS activity, old.message_count AS messages, ${TURN}
          FROM s JOIN old ON true LEFT JOIN t ON true ORDER BY t.pos`,
        [key, at],
      ),
      (rows) => {
        const emptied = toEmptied(rows)
        return emptied === undefined ? undefined : { ...emptied, session: first(rows)! }
      },
    ),
  remove: (key, at) =>
    Effect.map(
      write(
        `WITH ${END_TRANSCRIPT}, gone AS (DELETE FROM sessions WHERE key = $1)
          SELECT old.message_count AS messages, ${TURN} FROM old LEFT JOIN t ON true ORDER BY t.pos`,
        [key, at],
      ),
      toEmptied,
    ),
})
