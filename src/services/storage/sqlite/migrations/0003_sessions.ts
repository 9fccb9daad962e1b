/**
 * Adds sessions, their turns and their messages. A turn is one accepted message. Its row promises the run, in the order of
 * `pos`, and stays to recognize its idempotency key.
 */
export default `
  CREATE TABLE sessions (
    key TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    display_name TEXT NOT NULL,
    label TEXT,
    channel TEXT,
    peer_id TEXT,
    model TEXT,
    message_count INTEGER NOT NULL,
    last_message TEXT,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    context_tokens INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE turns (
    pos INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE,
    session_key TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'aborted', 'failed')),
    attempt INTEGER NOT NULL,
    error TEXT,
    usage TEXT,
    accepted_at INTEGER NOT NULL,
    accepted_after INTEGER NOT NULL,
    ended_at INTEGER
  ) STRICT;
  CREATE INDEX turns_open ON turns (session_key, pos) WHERE ended_at IS NULL;
  CREATE INDEX turns_ended ON turns (ended_at) WHERE ended_at IS NOT NULL;
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_key TEXT NOT NULL,
    run_id TEXT,
    step INTEGER NOT NULL,
    injection_key TEXT UNIQUE,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    thinking TEXT,
    tool TEXT,
    usage TEXT,
    aborted INTEGER NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (session_key, run_id, step)
  ) STRICT;
  CREATE INDEX messages_of_session ON messages (session_key, id)
`
