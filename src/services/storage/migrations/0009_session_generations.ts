/** Sessions remember when they were emptied, and turns when their time is up. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE sessions ADD COLUMN emptied_at INTEGER`
  yield* sql`ALTER TABLE turns ADD COLUMN deadline_at INTEGER`
})
