/**
 * What a turn was asked, as a digest that stays when its text has gone: a key that comes again with other words is a
 * mistake of whoever sends it, and not a repetition. Turns from before have none.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE turns ADD COLUMN text_digest TEXT`
})
