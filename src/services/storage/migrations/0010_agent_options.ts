/**
 * Adds the settings that an agent or a session need not have, the session that spawned another one, and the messages that
 * a summary replaces.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE agents ADD COLUMN options TEXT NOT NULL DEFAULT '{}'`
  yield* sql`ALTER TABLE sessions ADD COLUMN thinking TEXT`
  yield* sql`ALTER TABLE sessions ADD COLUMN queue TEXT`
  yield* sql`ALTER TABLE sessions ADD COLUMN parent_key TEXT`
  yield* sql`ALTER TABLE messages ADD COLUMN summary_up_to INTEGER`
})
