/**
 * AgentFiles: the blocks of a prompt for the files of a message. An agent that takes images gets them in the prompt. Every
 * agent gets the other files as links: it runs on this machine, so it can read them. AgentSession uses it.
 */
import * as Effect from "effect/Effect"
import { pathToFileURL } from "node:url"
import { type Attachment, isImage } from "../../../domain/Attachment.ts"
import type { Attachments } from "../../attachments/Attachments.ts"

/** A larger image is a link, because agents read a message as one line. */
const IMAGE_BYTES = 5_000_000

/** Returns the blocks, in the order of the files. */
export const blocksOf = (
  { pathOf, read }: Pick<Attachments["Service"], "pathOf" | "read">,
  attachments: ReadonlyArray<Attachment>,
  takesImages: boolean,
): Effect.Effect<ReadonlyArray<object>> =>
  Effect.forEach(attachments, (attachment) => {
    const { id, name, size, type } = attachment
    const link = { type: "resource_link", uri: pathToFileURL(pathOf(id)).href, name, mimeType: type, size }
    if (!takesImages || !isImage(attachment) || size > IMAGE_BYTES) return Effect.succeed(link)
    return read(id).pipe(
      Effect.orElseSucceed(() => undefined),
      Effect.map((bytes) =>
        bytes === undefined
          ? link
          : { type: "image", mimeType: type, data: Buffer.from(bytes).toString("base64"), uri: link.uri },
      ),
    )
  })
