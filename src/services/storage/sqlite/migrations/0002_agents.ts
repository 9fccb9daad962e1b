/** Adds agents, their bindings, and the last published state of the memory folder (`documents`). */
export default `
  CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    personality TEXT NOT NULL,
    model TEXT NOT NULL,
    runtime TEXT NOT NULL,
    dm_scope TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE bindings (
    agent_id TEXT NOT NULL,
    tier INTEGER NOT NULL,
    match_key TEXT NOT NULL,
    match_value TEXT NOT NULL,
    priority INTEGER NOT NULL,
    PRIMARY KEY (agent_id, match_key, match_value)
  ) STRICT;
  CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
  ) STRICT
`
