/**
 * Checks the files of a message against the limits, and finds their names and types. It is pure. Attachments uses it, and
 * ToolCalls and ToolRound for the files of results.
 */
import * as Result from "effect/Result"
import { hash } from "node:crypto"
import * as Path from "node:path"
import { type Attachment, attachmentRefused, AttachmentRefused, isImage } from "../../domain/Attachment.ts"
import { NAME_CHARS } from "../../domain/Bounds.ts"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import { line } from "../../domain/Printable.ts"
import { cut } from "../../domain/Text.ts"
import { extensionOf, typeOf } from "./ContentType.ts"
import { imageSizeOf } from "./ImageSize.ts"

/** A file to keep: from a client in base64, or from a tool in bytes. */
export interface Upload {
  readonly name?: string | undefined
  readonly type?: string | undefined
  readonly data: string | Uint8Array
}

/** A file that may be kept. */
export interface Checked {
  readonly bytes: Uint8Array
  readonly name: string
  readonly type: string
  readonly width?: number
  readonly height?: number
}

export type AttachmentLimits = GatewaySettings["attachments"]

/** The pixels of an image. Models scale larger ones down, and decoding them costs a page gigabytes. */
const MAX_PIXELS = 100_000_000

const DATA_URL = /^data:[^,]{0,512},/

/** The characters of base64 around which some programs break the line. */
const LINE_ENDS = /[\r\n]/g

/** Returns the characters of the content without the padding, and the bytes that they mean. */
const measured = (data: string) => {
  const start = DATA_URL.exec(data)?.[0].length ?? 0
  const body = data.includes("\n", start) ? data.slice(start).replace(LINE_ENDS, "") : data.slice(start)
  const padding = body.endsWith("==") ? 2 : body.endsWith("=") ? 1 : 0
  const chars = body.length - padding
  return { body, size: Math.floor((chars * 3) / 4), isWhole: chars % 4 !== 1 }
}

/** Returns the name without its folders and without characters that act, or a name of the type. */
export const nameOf = (given: string | undefined, type: string): string => {
  const base = Path.posix.basename((given ?? "").replaceAll("\\", "/"))
  const name = cut(line(base), NAME_CHARS)
  return name === "" || /^\.+$/.test(name) ? `file${extensionOf(type)}` : name
}

/** The name of a file in a refusal. */
const labelOf = ({ name }: Upload, index: number): string =>
  name === undefined || name.trim() === "" ? String(index + 1) : JSON.stringify(cut(line(name), NAME_CHARS))

/** Checks the size that the text of a file shows. */
const checkSize = (upload: Upload, index: number, { maxBytes }: AttachmentLimits): AttachmentRefused | undefined => {
  const { isWhole, size } =
    typeof upload.data === "string" ? measured(upload.data) : { size: upload.data.byteLength, isWhole: true }
  if (size === 0 && isWhole) return attachmentRefused("empty", labelOf(upload, index))
  return size > maxBytes ? attachmentRefused("size", labelOf(upload, index), size, maxBytes) : undefined
}

/** Checks the number of the files of a message. */
export const checkCount = (count: number, { perMessage }: AttachmentLimits): AttachmentRefused | undefined =>
  count > perMessage ? attachmentRefused("count", "", count, perMessage) : undefined

/** Checks the number of the files and the sizes that their texts show, before anything is decoded. */
export const checkSizes = (uploads: ReadonlyArray<Upload>, limits: AttachmentLimits): AttachmentRefused | undefined => {
  const excess = checkCount(uploads.length, limits)
  if (excess !== undefined) return excess
  for (const [index, upload] of uploads.entries()) {
    const refused = checkSize(upload, index, limits)
    if (refused !== undefined) return refused
  }
  return undefined
}

/** Node skips characters that are not base64. Then the content is shorter than its text says. */
const decoded = (data: string): Uint8Array | undefined => {
  const { body, isWhole, size } = measured(data)
  if (!isWhole) return undefined
  const bytes = Buffer.from(body, "base64")
  return bytes.byteLength === size ? bytes : undefined
}

/** Decodes and checks one file. */
export const check = (
  upload: Upload,
  index: number,
  limits: AttachmentLimits,
): Result.Result<Checked, AttachmentRefused> => {
  const refused = (...[problem, size, limit]: [AttachmentRefused["problem"], number?, number?]) =>
    Result.fail(attachmentRefused(problem, labelOf(upload, index), size, limit))
  const oversize = checkSize(upload, index, limits)
  if (oversize !== undefined) return Result.fail(oversize)
  const bytes = typeof upload.data === "string" ? decoded(upload.data) : upload.data
  if (bytes === undefined) return refused("base64")
  const type = typeOf(bytes, upload.type)
  if (isImage({ type }) && bytes.byteLength > limits.maxImageBytes) {
    return refused("image-size", bytes.byteLength, limits.maxImageBytes)
  }
  const size = imageSizeOf(type, bytes)
  if (size !== undefined && size.width * size.height > MAX_PIXELS) {
    return refused("pixels", size.width * size.height, MAX_PIXELS)
  }
  return Result.succeed({ bytes, name: nameOf(upload.name, type), type, ...size })
}

/** Returns the reference to a file. */
export const toAttachment = ({ bytes, ...facts }: Checked): Attachment => ({
  id: hash("sha256", bytes, "hex"),
  ...facts,
  size: bytes.byteLength,
})

/** Returns the note in a text in place of a refused file. */
export const refusedNote = ({ message }: Pick<AttachmentRefused, "message">): string =>
  `[A file is left out: ${message}]`

/** Returns those of the files that may be kept, and a note for each other. Files beyond the number share one note. */
export const sift = (
  uploads: ReadonlyArray<Upload>,
  limits: AttachmentLimits,
): { readonly files: ReadonlyArray<Checked>; readonly notes: ReadonlyArray<string> } => {
  const files: Array<Checked> = []
  const notes: Array<string> = []
  for (const [index, upload] of uploads.slice(0, limits.perMessage).entries()) {
    const checked = check(upload, index, limits)
    if (Result.isSuccess(checked)) files.push(checked.success)
    else notes.push(refusedNote(checked.failure))
  }
  const excess = checkCount(uploads.length, limits)
  return { files, notes: excess === undefined ? notes : [...notes, refusedNote(excess)] }
}
