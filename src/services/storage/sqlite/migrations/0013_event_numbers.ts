/**
 * Numbers the kept events 1, 2, 3, ... without gaps. Live events no longer take numbers, so nothing is reserved. All
 * positions change, so the log gets a new epoch: each client starts over once.
 */
export default `
  -- The position of an accepted turn is that of the newest event before it.
  UPDATE turns SET accepted_after = 1000000 * coalesce(
    (SELECT nth FROM events WHERE seq <= turns.accepted_after ORDER BY seq DESC LIMIT 1), 0);
  CREATE TABLE numbered (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    session_key TEXT,
    event TEXT NOT NULL
  ) STRICT;
  INSERT INTO numbered SELECT nth, at, session_key, event FROM events ORDER BY seq;
  DROP TABLE events;
  ALTER TABLE numbered RENAME TO events;
  CREATE INDEX events_of_session ON events (session_key, seq) WHERE session_key IS NOT NULL;
  ALTER TABLE event_log DROP COLUMN ceiling;
  UPDATE event_log SET epoch = lower(hex(randomblob(16))), dropped = coalesce((SELECT min(seq) - 1 FROM events), 0)
`
