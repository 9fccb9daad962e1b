/**
 * AttachmentHandlers: implements the methods `attachments.*` on the service Attachments.
 */
import * as Effect from "effect/Effect"
import { AttachmentNotFound, AttachmentRpcs, AttachmentTooLarge, READ_BYTES } from "../../domain/Attachment.ts"
import { DEFAULT_ROWS } from "../../domain/Bounds.ts"
import { AttachmentLinks } from "../attachments/AttachmentLinks.ts"
import { Attachments } from "../attachments/Attachments.ts"

export const AttachmentHandlers = AttachmentRpcs.toLayer(
  Effect.gen(function* () {
    const attachments = yield* Attachments
    const links = yield* AttachmentLinks
    return AttachmentRpcs.of({
      "attachments.list": ({ before, limit = DEFAULT_ROWS, runId, sessionKey }) =>
        attachments.list(sessionKey, { before, limit, runId }),
      "attachments.read": Effect.fnUntraced(function* ({ id }) {
        const size = yield* attachments.sizeOf(id)
        if (size !== undefined && size > READ_BYTES) {
          return yield* new AttachmentTooLarge({ id, size, limit: READ_BYTES })
        }
        const bytes = yield* attachments.read(id)
        if (bytes === undefined) return yield* new AttachmentNotFound({ id })
        return { id, size: bytes.byteLength, data: Buffer.from(bytes).toString("base64") }
      }),
      "attachments.link": Effect.fnUntraced(function* ({ id, name }) {
        if ((yield* attachments.sizeOf(id)) === undefined) return yield* new AttachmentNotFound({ id })
        return yield* links.make(id, name)
      }),
    })
  }),
)
