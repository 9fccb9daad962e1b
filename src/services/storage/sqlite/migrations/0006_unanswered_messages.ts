/**
 * Keeps messages without a reply, with the reason, and counts the messages of the history separately. Turns count crashes
 * and planned stops separately. Stored events of sessions receive the new `historyCount`.
 */
export default `
  ALTER TABLE turns ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE turns ADD COLUMN handed_over INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE messages ADD COLUMN failed TEXT;
  ALTER TABLE sessions ADD COLUMN history_count INTEGER NOT NULL DEFAULT 0;
  UPDATE sessions SET history_count = message_count;
  UPDATE events SET event = json_set(event, '$.session.historyCount', event ->> '$.session.messageCount')
    WHERE session_key IS NOT NULL AND event ->> '$.session.messageCount' IS NOT NULL
`
