/**
 * Adds questions of agents, in the form of approvals, and the end of a grant. `used_attempt`: the newest attempt of the run
 * that has read the answers.
 */
export default `
  CREATE TABLE questions (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    status TEXT NOT NULL,
    question TEXT NOT NULL,
    ended_at INTEGER,
    used_attempt INTEGER
  ) STRICT;
  CREATE INDEX questions_of_run ON questions (run_id, digest);
  CREATE INDEX questions_pending ON questions (place) WHERE ended_at IS NULL;
  CREATE INDEX questions_ended ON questions (ended_at) WHERE ended_at IS NOT NULL;
  ALTER TABLE approval_grants ADD COLUMN expires_at INTEGER
`
