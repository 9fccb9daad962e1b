/** The store of attachments on SQLite. SqliteStores makes it. */
import type { DatabaseSync } from "node:sqlite"
import type { AttachedFile, Attachment } from "../../../domain/Attachment.ts"
import type { MessageRole } from "../../../domain/Message.ts"
import type { AttachmentStore } from "../AttachmentStore.ts"
import { TRANSCRIPT } from "./SessionRows.ts"
import { step } from "./Step.ts"

const ids = (list: ReadonlyArray<string>): string => JSON.stringify(list)

const IN_LIST = "IN (SELECT value FROM json_each(?))"

export const attachmentSteps = (db: DatabaseSync): AttachmentStore => {
  const add = db.prepare(`INSERT INTO attachments (id, size, created_at, used) VALUES (?, ?, ?, 1)
    ON CONFLICT (id) DO UPDATE SET used = 1`)
  const use =
    db.prepare(`INSERT INTO attachment_uses (transcript, id) SELECT ${TRANSCRIPT}, ? FROM sessions WHERE key = ?
    ON CONFLICT DO NOTHING`)
  const known = db.prepare(`SELECT id FROM attachments WHERE id ${IN_LIST}`)
  const ofSession = db.prepare(`SELECT id, run_id, role, at, attachments FROM messages
    WHERE transcript = (SELECT ${TRANSCRIPT} FROM sessions WHERE key = ?) AND attachments IS NOT NULL AND id < ?
    AND (? IS NULL OR run_id = ?) ORDER BY id DESC LIMIT ?`)
  const unused = db.prepare("SELECT id FROM attachments WHERE used = 0 LIMIT ?")
  const forget = db.prepare(`DELETE FROM attachments WHERE used = 0 AND id ${IN_LIST}`)

  return {
    keep: (sessionKey, attachments, at) =>
      step(() => {
        for (const { id, size } of attachments) {
          add.run(id, size, at)
          use.run(id, sessionKey)
        }
      }),
    known: (list) => step(() => known.all(ids(list)).map(({ id }) => String(id))),
    ofSession: (sessionKey, { before, limit, runId = null }) =>
      step(() =>
        ofSession.all(sessionKey, before, runId, runId, limit).flatMap((row) =>
          (JSON.parse(String(row["attachments"])) as ReadonlyArray<Attachment>).map((attachment): AttachedFile => ({
            messageId: Number(row["id"]),
            runId: row["run_id"] === null ? null : String(row["run_id"]),
            role: row["role"] as MessageRole,
            at: Number(row["at"]),
            attachment,
          })),
        ),
      ),
    unused: (limit) => step(() => unused.all(limit).map(({ id }) => String(id))),
    forget: (list) =>
      step(() => {
        forget.run(ids(list))
      }),
  }
}
