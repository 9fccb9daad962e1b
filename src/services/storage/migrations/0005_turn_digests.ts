/**
 * Adds a digest of each turn's text. It outlives the text, so that an idempotency key that returns with another text is
 * refused. Older turns have no digest.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE turns ADD COLUMN text_digest TEXT`
})
