/**
 * Adds the files of messages. A message and a turn name their files in a JSON column. `attachment_uses` says which
 * transcripts have a file, and `used` is 0 after the last of them is gone.
 */
export default `
  ALTER TABLE turns ADD COLUMN attachments TEXT;
  ALTER TABLE messages ADD COLUMN attachments TEXT;
  CREATE INDEX messages_attachments ON messages (transcript, id) WHERE attachments IS NOT NULL;
  CREATE TABLE attachments (
    id TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    used INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX attachments_unused ON attachments (id) WHERE used = 0;
  CREATE TABLE attachment_uses (
    transcript TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (transcript, id)
  ) STRICT;
  CREATE INDEX attachment_uses_of_file ON attachment_uses (id)
`
