/** Fills the database of a gateway with many conversations, messages and events. The scenarios with stored rows use it. */
import * as Effect from "effect/Effect"
import { setTimeout as sleep } from "node:timers/promises"
import { queryAt } from "../test/support/TestDatabase.ts"
import { type Database, openSqlite } from "./Databases.ts"
import { startGateway } from "./Targets.ts"

export const STORED = 10_000

export interface StoredRows {
  readonly sessions: number
  /** Messages of the session `SESSION_OF_MESSAGES`. */
  readonly messages: number
  readonly events: number
}

export const SESSION_OF_MESSAGES = "agent:main:direct:peer-0"

/** The numbers from 0, as `n.i`. SQLite and PostgreSQL understand all statements here. */
const numbers = (count: number): string =>
  `WITH RECURSIVE n (i) AS (SELECT CAST(0 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${count})`

const insertSessions = (count: number): string => {
  const at = Date.now() - count * 1_000
  return `INSERT INTO sessions (key, agent_id, kind, display_name, channel, peer_id, message_count, history_count,
      last_message, input_tokens, output_tokens, context_tokens, created_at, updated_at)
    ${numbers(count)}, p AS (SELECT i, 'peer-' || ((i * 7919) % ${count}) AS peer FROM n)
    SELECT 'agent:main:direct:' || peer, 'main', 'direct', peer, 'web', peer, i % 50, i % 50,
      'The newest message of ' || peer, 9, 9, 9, ${at}, ${at} + ((i * 104729) % ${count}) * 1000 FROM p`
}

const insertMessages = (transcript: string, count: number): string =>
  `INSERT INTO messages (transcript, run_id, step, role, text, aborted, at)
    ${numbers(count)} SELECT ${transcript}, 'run-' || i, 0, 'user', 'Message ' || i, 0, i
    FROM sessions, n WHERE key = '${SESSION_OF_MESSAGES}'`

const insertEvents = (count: number): string =>
  `INSERT INTO events (seq, at, session_key, event)
    ${numbers(count)} SELECT (SELECT coalesce(max(seq), 0) FROM events) + i + 1, ${Date.now()}, NULL,
      '{"_tag":"MemoryRemoved","id":"document-' || i || '"}' FROM n`

/** A gateway makes the tables. The bench writes the rows itself, because real conversations would take minutes. */
export const fill = async ({ name, options, place }: Database, rows: StoredRows): Promise<void> => {
  await (await startGateway(options)).stop()
  await sleep(100)
  const transcript = name === "SQLite" ? "coalesce(transcript, key)" : "transcript"
  const statements = [
    insertSessions(rows.sessions),
    ...(rows.messages > 0 ? [insertMessages(transcript, rows.messages)] : []),
    ...(rows.events > 0 ? [insertEvents(rows.events)] : []),
    // A server does so by itself, some time after so many rows.
    ...(name === "PostgreSQL" ? ["VACUUM ANALYZE"] : []),
  ]
  await Effect.runPromise(queryAt(place, ...statements))
}

/** Returns the state folder of a gateway with so many sessions. */
export const storedSessions = async (count: number): Promise<string> => {
  const database = openSqlite()
  await fill(database, { sessions: count, messages: 0, events: 0 })
  return database.options.stateDir
}
