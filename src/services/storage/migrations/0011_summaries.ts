/** Adds an index that finds the newest summary of a session without a look at its other messages. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE INDEX messages_summaries ON messages (session_key, id) WHERE summary_up_to IS NOT NULL`
})
