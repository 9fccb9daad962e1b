/**
 * AgentFiles: the files that pass between the gateway and an agent. An agent that takes images gets them in the prompt. Every
 * agent gets the other files as links: it runs on this machine, so it can read them. The images, sounds and binary resources
 * of an agent are files of its message or its tool. AgentSession and AgentOutput use it.
 */
import * as Effect from "effect/Effect"
import { pathToFileURL } from "node:url"
import { type Attachment, type AttachmentUpload, isImage, UPLOAD_NAME_CHARS } from "../../../domain/Attachment.ts"
import { NAME_CHARS } from "../../../domain/Bounds.ts"
import { cut } from "../../../domain/Text.ts"
import type { Attachments } from "../../attachments/Attachments.ts"
import type { ContentBlock } from "./AgentUpdates.ts"

/** Returns the file in a block of an agent's output. A link to a file is no file: its agent may name any path. */
export const filesIn = ({ data, mimeType, name, resource, uri }: ContentBlock): ReadonlyArray<AttachmentUpload> => {
  const content = data ?? resource?.blob
  if (content == null) return []
  const type = mimeType ?? resource?.mimeType
  const label = name ?? uri ?? resource?.uri
  return [
    {
      data: content,
      ...(label != null && { name: cut(label, UPLOAD_NAME_CHARS) }),
      ...(type != null && { type: cut(type, NAME_CHARS) }),
    },
  ]
}

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
