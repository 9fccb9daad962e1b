/**
 * Separates a session from its transcript, so that a reset and a removal take the same time for short and long ones. A
 * reset gives the session another transcript; `old_transcripts` lists the ones whose messages are to be deleted. Without
 * a `transcript`, the session's key is its id: so older messages need no change.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE sessions ADD COLUMN transcript TEXT`
  yield* sql`ALTER TABLE messages RENAME COLUMN session_key TO transcript`
  yield* sql`CREATE TABLE old_transcripts (transcript TEXT PRIMARY KEY) STRICT`
})
