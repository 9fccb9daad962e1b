/**
 * Adds the event log. `event_log` has one row with the epoch, the reserved positions and the position up to which
 * retention has dropped rows. Positions (`seq`) have gaps, because live events take some and leave no row. `nth` has no
 * gaps, so that rows can be counted without reading them.
 */
export default `
  CREATE TABLE event_log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL,
    ceiling INTEGER NOT NULL,
    dropped INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    nth INTEGER NOT NULL,
    at INTEGER NOT NULL,
    session_key TEXT,
    event TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_of_session ON events (session_key, seq) WHERE session_key IS NOT NULL
`
