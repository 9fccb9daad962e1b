/**
 * Keeps messages without a reply, with the reason, and counts the messages of the history separately. Turns count crashes
 * and planned stops separately. Stored events of sessions receive the new `historyCount`.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE turns ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0`
  yield* sql`ALTER TABLE turns ADD COLUMN handed_over INTEGER NOT NULL DEFAULT 0`
  yield* sql`ALTER TABLE messages ADD COLUMN failed TEXT`
  yield* sql`ALTER TABLE sessions ADD COLUMN history_count INTEGER NOT NULL DEFAULT 0`
  yield* sql`UPDATE sessions SET history_count = message_count`
  yield* sql`UPDATE events SET event = json_set(event, '$.session.historyCount', event ->> '$.session.messageCount')
    WHERE session_key IS NOT NULL AND event ->> '$.session.messageCount' IS NOT NULL`
})
