/**
 * Numbers the kept events 1, 2, 3, ... without gaps. Live events no longer take numbers, so nothing is reserved. All
 * positions change, so the log gets a new epoch: each client starts over once.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import { randomUUID } from "node:crypto"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // The position of an accepted turn is that of the newest event before it.
  yield* sql`UPDATE turns SET accepted_after = 1000000 * coalesce(
    (SELECT nth FROM events WHERE seq <= turns.accepted_after ORDER BY seq DESC LIMIT 1), 0)`
  yield* sql`CREATE TABLE numbered (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    session_key TEXT,
    event TEXT NOT NULL
  ) STRICT`
  yield* sql`INSERT INTO numbered SELECT nth, at, session_key, event FROM events ORDER BY seq`
  yield* sql`DROP TABLE events`
  yield* sql`ALTER TABLE numbered RENAME TO events`
  yield* sql`CREATE INDEX events_of_session ON events (session_key, seq) WHERE session_key IS NOT NULL`
  yield* sql`ALTER TABLE event_log DROP COLUMN ceiling`
  yield* sql`UPDATE event_log SET epoch = ${randomUUID()}, dropped = coalesce((SELECT min(seq) - 1 FROM events), 0)`
})
