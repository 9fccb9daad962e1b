/** Adds the time at which a session was emptied, and the deadline of a turn. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE sessions ADD COLUMN emptied_at INTEGER`
  yield* sql`ALTER TABLE turns ADD COLUMN deadline_at INTEGER`
})
