/**
 * Adds approvals of tool calls and grants. The columns beside the JSON are those that statements compare. `used_at` makes
 * an allowed call run once, also after a crash.
 */
export default `
  CREATE TABLE approvals (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    status TEXT NOT NULL,
    approval TEXT NOT NULL,
    ended_at INTEGER,
    used_at INTEGER
  ) STRICT;
  CREATE INDEX approvals_of_run ON approvals (run_id, digest);
  CREATE INDEX approvals_pending ON approvals (place) WHERE ended_at IS NULL;
  CREATE INDEX approvals_ended ON approvals (ended_at) WHERE ended_at IS NOT NULL;
  CREATE TABLE approval_grants (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    approval_grant TEXT NOT NULL,
    revoked_at INTEGER
  ) STRICT;
  CREATE INDEX approval_grants_valid ON approval_grants (digest) WHERE revoked_at IS NULL
`
