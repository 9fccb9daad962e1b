/**
 * Adds the settings that an agent or a session need not have, the session that spawned another one, and the messages that
 * a summary replaces.
 */
export default `
  ALTER TABLE agents ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
  ALTER TABLE sessions ADD COLUMN thinking TEXT;
  ALTER TABLE sessions ADD COLUMN queue TEXT;
  ALTER TABLE sessions ADD COLUMN parent_key TEXT;
  ALTER TABLE messages ADD COLUMN summary_up_to INTEGER
`
