/** Adds approvals of tool calls and grants, as the step of SQLite does. */
export default [
  `CREATE TABLE approvals (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    run_id text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    approval text NOT NULL,
    ended_at bigint,
    used_at bigint
  )`,
  `CREATE INDEX approvals_of_run ON approvals (run_id, digest)`,
  `CREATE INDEX approvals_pending ON approvals (place) WHERE ended_at IS NULL`,
  `CREATE INDEX approvals_ended ON approvals (ended_at) WHERE ended_at IS NOT NULL`,
  `CREATE TABLE approval_grants (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    digest text COLLATE "C" NOT NULL,
    approval_grant text NOT NULL,
    revoked_at bigint
  )`,
  `CREATE INDEX approval_grants_valid ON approval_grants (digest) WHERE revoked_at IS NULL`,
]
