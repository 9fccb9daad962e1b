/**
 * The event log. `event_log` has one row: which log it is, up to where positions are reserved, and up to where rows
 * have been dropped. Positions ascend with gaps, as live events take some and leave no row; `nth` has none, so that the
 * rows can be counted without reading them.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE event_log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL,
    ceiling INTEGER NOT NULL,
    dropped INTEGER NOT NULL
  ) STRICT`
  yield* sql`CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    nth INTEGER NOT NULL,
    at INTEGER NOT NULL,
    session_key TEXT,
    event TEXT NOT NULL
  ) STRICT`
  yield* sql`CREATE INDEX events_of_session ON events (session_key, seq) WHERE session_key IS NOT NULL`
})
