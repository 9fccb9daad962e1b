/** Adds the time at which a session was emptied, and the deadline of a turn. */
export default `
  ALTER TABLE sessions ADD COLUMN emptied_at INTEGER;
  ALTER TABLE turns ADD COLUMN deadline_at INTEGER
`
