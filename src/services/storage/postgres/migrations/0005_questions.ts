/** Adds questions of agents and the end of a grant, as the step of SQLite does. */
export default [
  `CREATE TABLE questions (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    run_id text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    question text NOT NULL,
    ended_at bigint,
    used_attempt bigint
  )`,
  `CREATE INDEX questions_of_run ON questions (run_id, digest)`,
  `CREATE INDEX questions_pending ON questions (place) WHERE ended_at IS NULL`,
  `CREATE INDEX questions_ended ON questions (ended_at) WHERE ended_at IS NOT NULL`,
  `ALTER TABLE approval_grants ADD COLUMN expires_at bigint`,
]
