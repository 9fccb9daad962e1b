/**
 * Adds every table of the gateway, as the steps of SQLite have made them. Positions of events have no gaps. Keys compare
 * by their bytes, whatever the collation of the database. Identity columns keep the order of insertion. No index has the
 * ids of messages alone, because PostgreSQL would read it backwards through all transcripts for the newest messages of one.
 */
export default [
  `CREATE TABLE event_log (
    id int PRIMARY KEY CHECK (id = 1),
    epoch text NOT NULL,
    dropped bigint NOT NULL
  )`,
  `INSERT INTO event_log VALUES (1, gen_random_uuid()::text, 0)`,
  `CREATE TABLE events (
    seq bigint PRIMARY KEY,
    at bigint NOT NULL,
    session_key text COLLATE "C",
    event text NOT NULL,
    group_id text
  )`,
  `CREATE INDEX events_of_session ON events (session_key, seq) WHERE session_key IS NOT NULL`,
  `CREATE TABLE writers (
    node text PRIMARY KEY,
    group_id text NOT NULL
  )`,
  `CREATE TABLE agents (
    pos bigint GENERATED ALWAYS AS IDENTITY,
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    personality text NOT NULL,
    model text NOT NULL,
    runtime text NOT NULL,
    dm_scope text NOT NULL,
    options text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
  )`,
  `CREATE TABLE bindings (
    pos bigint GENERATED ALWAYS AS IDENTITY,
    agent_id text COLLATE "C" NOT NULL,
    tier int NOT NULL,
    match_key text COLLATE "C" NOT NULL,
    match_value text COLLATE "C" NOT NULL,
    priority int NOT NULL,
    PRIMARY KEY (agent_id, match_key, match_value)
  )`,
  `CREATE TABLE documents (
    id text COLLATE "C" PRIMARY KEY,
    size bigint NOT NULL,
    modified_at bigint NOT NULL
  )`,
  `CREATE SEQUENCE transcripts`,
  `CREATE TABLE old_transcripts (transcript bigint PRIMARY KEY)`,
  `CREATE TABLE sessions (
    key text COLLATE "C" PRIMARY KEY,
    transcript bigint NOT NULL UNIQUE DEFAULT nextval('transcripts'),
    agent_id text NOT NULL,
    kind text NOT NULL,
    display_name text NOT NULL,
    label text,
    channel text,
    peer_id text,
    model text,
    thinking text,
    queue text,
    parent_key text,
    message_count bigint NOT NULL,
    history_count bigint NOT NULL,
    last_message text,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    context_tokens bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    emptied_at bigint
  )`,
  `CREATE TABLE turns (
    pos bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text COLLATE "C" NOT NULL UNIQUE,
    session_key text COLLATE "C" NOT NULL,
    agent_id text NOT NULL,
    principal text NOT NULL,
    text text NOT NULL,
    text_digest text,
    state text COLLATE "C" NOT NULL CHECK (state IN ('queued', 'running', 'done', 'aborted', 'failed')),
    attempt int NOT NULL,
    crashes int NOT NULL DEFAULT 0,
    handed_over int NOT NULL DEFAULT 0,
    error text,
    usage text,
    reply text,
    accepted_at bigint NOT NULL,
    accepted_after bigint NOT NULL,
    ended_at bigint,
    deadline_at bigint
  )`,
  `CREATE INDEX turns_open ON turns (session_key, pos) WHERE ended_at IS NULL`,
  `CREATE INDEX turns_ended ON turns (ended_at) WHERE ended_at IS NOT NULL`,
  `CREATE TABLE messages (
    transcript bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    run_id text COLLATE "C",
    step int NOT NULL,
    injection_key text COLLATE "C",
    role text NOT NULL,
    text text NOT NULL,
    thinking text,
    tool text,
    usage text,
    aborted int NOT NULL,
    failed text,
    summary_up_to bigint,
    at bigint NOT NULL,
    PRIMARY KEY (transcript, id),
    UNIQUE (transcript, run_id, step)
  )`,
  `CREATE INDEX summaries ON messages (transcript, id) WHERE summary_up_to IS NOT NULL`,
  `CREATE INDEX injected_messages ON messages (injection_key) WHERE injection_key IS NOT NULL`,
  `CREATE TABLE devices (
    id text COLLATE "C" PRIMARY KEY,
    public_key text NOT NULL,
    display_name text,
    platform text,
    device_family text,
    client_id text,
    client_mode text,
    remote_address text NOT NULL,
    paired_at bigint NOT NULL
  )`,
  `CREATE TABLE device_grants (
    pos bigint GENERATED ALWAYS AS IDENTITY,
    device_id text COLLATE "C" NOT NULL,
    role text NOT NULL,
    scopes text NOT NULL,
    token_hash text,
    issued_at bigint,
    last_used_at bigint,
    PRIMARY KEY (device_id, role)
  )`,
]
