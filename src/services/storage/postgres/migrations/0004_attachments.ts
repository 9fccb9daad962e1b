/** Adds the files of messages. `attachment_uses` says which transcripts have a file; `used` is false after the last one. */
export default [
  `ALTER TABLE turns ADD COLUMN attachments text`,
  `ALTER TABLE messages ADD COLUMN attachments text`,
  `CREATE INDEX messages_attachments ON messages (transcript, id) WHERE attachments IS NOT NULL`,
  `CREATE TABLE attachments (
    id text COLLATE "C" PRIMARY KEY,
    size bigint NOT NULL,
    created_at bigint NOT NULL,
    used boolean NOT NULL
  )`,
  `CREATE INDEX attachments_unused ON attachments (id) WHERE NOT used`,
  `CREATE TABLE attachment_uses (
    transcript bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    PRIMARY KEY (transcript, id)
  )`,
  `CREATE INDEX attachment_uses_of_file ON attachment_uses (id)`,
]
