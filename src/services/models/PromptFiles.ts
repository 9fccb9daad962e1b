/**
 * PromptFiles: prepares the files of a prompt, such as images, for the requests of the dialects.
 */
import type * as Prompt from "effect/ai/Prompt"
import { Buffer } from "node:buffer"

/** A file by its content or by its address. */
export type Source =
  | { readonly _tag: "Data"; readonly base64: string; readonly mediaType: string }
  | { readonly _tag: "Address"; readonly url: string }

/** `image/*` does not name a format, and providers require one. */
const formatOf = (mediaType: string): string => (mediaType === "image/*" ? "image/png" : mediaType)

/** Returns where the file's content is. A text is Base64 unless it is an address or a data URL. */
export const sourceOf = ({ data, mediaType }: Prompt.FilePart): Source => {
  if (data instanceof URL) return fromText(data.href, mediaType)
  if (typeof data === "string") return fromText(data, mediaType)
  return { _tag: "Data", base64: Buffer.from(data).toString("base64"), mediaType: formatOf(mediaType) }
}

const fromText = (text: string, mediaType: string): Source => {
  if (/^https?:/i.test(text)) return { _tag: "Address", url: text }
  const comma = text.startsWith("data:") ? text.indexOf(",") : -1
  const base64 = comma === -1 ? text : text.slice(comma + 1)
  return { _tag: "Data", base64, mediaType: formatOf(mediaType) }
}

/** Returns the content of a text file, or `undefined` for other files. */
export const textOf = ({ data, mediaType }: Prompt.FilePart): string | undefined => {
  if (!mediaType.startsWith("text/") || data instanceof URL) return undefined
  if (typeof data !== "string") return Buffer.from(data).toString("utf8")
  return /^(https?|data):/i.test(data) ? undefined : Buffer.from(data, "base64").toString("utf8")
}

/** Returns the note that replaces a file that the model cannot read. */
export const omitted = ({ fileName, mediaType }: Prompt.FilePart): string =>
  `[The file ${fileName ?? ""} (${mediaType}) is left out, because this provider cannot read it.]`
