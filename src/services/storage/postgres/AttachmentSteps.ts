/** The store of attachments on PostgreSQL. PostgresStores makes it. */
import * as Effect from "effect/Effect"
import type { AttachedFile, Attachment } from "../../../domain/Attachment.ts"
import type { MessageRole } from "../../../domain/Message.ts"
import type { AttachmentStore } from "../AttachmentStore.ts"
import { OF_SESSION } from "./MessageColumns.ts"
import { type Row, texts } from "./PostgresConnection.ts"
import { parsed, type Statements } from "./Statements.ts"

const KEEP = `WITH f AS (SELECT DISTINCT ON (id) id, size
    FROM json_to_recordset($2::json) AS f (id text, size bigint)),
  kept AS (INSERT INTO attachments (id, size, created_at, used) SELECT id, size, $3, true FROM f
    ON CONFLICT (id) DO UPDATE SET used = true)
  INSERT INTO attachment_uses (transcript, id) SELECT s.transcript, f.id FROM sessions s, f WHERE s.key = $1
    ON CONFLICT DO NOTHING`

const PAGE = `SELECT m.id, m.run_id, m.role, m.at, m.attachments FROM messages m
  WHERE ${OF_SESSION} AND m.attachments IS NOT NULL AND m.id < $2 AND ($3::text IS NULL OR m.run_id = $3)
  ORDER BY m.id DESC LIMIT $4`

const toFiles = (row: Row): ReadonlyArray<AttachedFile> =>
  (parsed(row, "attachments") as ReadonlyArray<Attachment>).map((attachment) => ({
    messageId: Number(row["id"]),
    runId: row["run_id"] === null ? null : String(row["run_id"]),
    role: row["role"] as MessageRole,
    at: Number(row["at"]),
    attachment,
  }))

const idsOf = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => rows.map(({ id }) => String(id))

export const attachmentSteps = ({ read, write }: Statements): AttachmentStore => ({
  keep: (sessionKey, attachments, at) => {
    const files = attachments.map(({ id, size }) => ({ id, size }))
    return Effect.asVoid(write(KEEP, [sessionKey, JSON.stringify(files), at]))
  },
  known: (ids) => Effect.map(read("SELECT id FROM attachments WHERE id = ANY($1::text[])", [texts(ids)]), idsOf),
  ofSession: (sessionKey, { before, limit, runId = null }) =>
    Effect.map(read(PAGE, [sessionKey, before, runId, limit]), (rows) => rows.flatMap(toFiles)),
  unused: (limit) => Effect.map(read("SELECT id FROM attachments WHERE NOT used LIMIT $1", [limit]), idsOf),
  forget: (ids) =>
    Effect.asVoid(write("DELETE FROM attachments WHERE NOT used AND id = ANY($1::text[])", [texts(ids)])),
})
