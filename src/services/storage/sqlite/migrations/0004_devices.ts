/**
 * Adds paired devices and their grants, one for each role. A token is stored only as its SHA-256, so the database does not
 * let its readers sign in as a device.
 */
export default `
  CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    public_key TEXT NOT NULL,
    display_name TEXT,
    platform TEXT,
    device_family TEXT,
    client_id TEXT,
    client_mode TEXT,
    remote_address TEXT NOT NULL,
    paired_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE device_grants (
    device_id TEXT NOT NULL,
    role TEXT NOT NULL,
    scopes TEXT NOT NULL,
    token_hash TEXT,
    issued_at INTEGER,
    last_used_at INTEGER,
    PRIMARY KEY (device_id, role)
  ) STRICT
`
