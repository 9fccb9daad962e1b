/**
 * Separates a session from its transcript, so that a reset and a removal take the same time for short and long ones. A
 * reset gives the session another transcript; `old_transcripts` lists the ones whose messages are to be deleted. Without
 * a `transcript`, the session's key is its id: so older messages need no change.
 */
export default `
  ALTER TABLE sessions ADD COLUMN transcript TEXT;
  ALTER TABLE messages RENAME COLUMN session_key TO transcript;
  CREATE TABLE old_transcripts (transcript TEXT PRIMARY KEY) STRICT
`
