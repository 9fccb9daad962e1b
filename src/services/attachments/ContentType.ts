/**
 * Finds the media type of a file from its first bytes, so that a wrong claim of the client does not count. It is pure.
 * AttachmentCheck uses it.
 */

/** The bytes that the table looks at, at most. */
const HEAD_BYTES = 512

/** The bytes of a text that are checked. A file that changes later on is a text with strange characters. */
const TEXT_BYTES = 65_536

const BINARY = "application/octet-stream"

type Signature = readonly [type: string, offset: number, bytes: string]

/** The type, and the bytes (as Latin-1) at their place. The first match counts, so a polyglot is what its beginning says. */
const signatures: ReadonlyArray<Signature> = [
  ["image/png", 0, "\x89PNG\r\n\x1a\n"],
  ["image/jpeg", 0, "\xff\xd8\xff"],
  ["image/gif", 0, "GIF87a"],
  ["image/gif", 0, "GIF89a"],
  ["image/webp", 8, "WEBP"],
  ["image/bmp", 0, "BM"],
  ["image/tiff", 0, "II*\0"],
  ["image/tiff", 0, "MM\0*"],
  ["image/avif", 4, "ftypavif"],
  ["image/heic", 4, "ftypheic"],
  ["image/heic", 4, "ftypheix"],
  ["image/heic", 4, "ftypmif1"],
  ["audio/mp4", 4, "ftypM4A "],
  ["video/quicktime", 4, "ftypqt  "],
  ["video/mp4", 4, "ftyp"],
  ["application/pdf", 0, "%PDF-"],
  ["application/zip", 0, "PK\x03\x04"],
  ["application/zip", 0, "PK\x05\x06"],
  ["application/gzip", 0, "\x1f\x8b"],
  ["application/x-7z-compressed", 0, "7z\xbc\xaf\x27\x1c"],
  ["application/vnd.rar", 0, "Rar!\x1a\x07"],
  ["audio/wav", 8, "WAVE"],
  ["video/x-msvideo", 8, "AVI "],
  ["audio/mpeg", 0, "ID3"],
  ["audio/mpeg", 0, "\xff\xfb"],
  ["audio/aac", 0, "\xff\xf1"],
  ["audio/flac", 0, "fLaC"],
  ["audio/ogg", 0, "OggS"],
  ["video/webm", 0, "\x1a\x45\xdf\xa3"],
  ["application/vnd.microsoft.portable-executable", 0, "MZ"],
  ["application/x-elf", 0, "\x7fELF"],
  ["application/wasm", 0, "\0asm"],
  ["application/vnd.sqlite3", 0, "SQLite format 3\0"],
]

/** Containers with a length in the middle: the type at offset 8 counts in a RIFF file only. */
const isRiff = (head: string): boolean => head.startsWith("RIFF")

/** The types whose content is a container, which a client may name more exactly. */
const refinements: Readonly<Record<string, RegExp>> = {
  "application/zip":
    /^application\/(vnd\.openxmlformats-officedocument\.[a-z.]+|vnd\.oasis\.opendocument\.[a-z]+|epub\+zip|java-archive)$/,
  "audio/ogg": /^(audio\/(ogg|opus)|video\/ogg)$/,
  "video/webm": /^((audio|video)\/webm|(audio|video)\/(x-)?matroska)$/,
  "video/mp4": /^(audio|video)\/mp4$/,
}

/** Media types that are texts, although their name does not begin with `text/`. */
const TEXT_TYPES =
  /^(text\/[a-z0-9.+-]+|image\/svg\+xml|application\/([a-z0-9.-]+\+)?(json|xml|yaml|toml)|application\/(x-yaml|javascript|x-sh|sql))$/

/** Control characters that no text has: all but tab, line feed, form feed, carriage return and escape. */
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\0-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]/

/** Returns whether the bytes begin like a text in UTF-8. The last character may be cut. */
const isText = (bytes: Uint8Array): boolean => {
  try {
    const stream = bytes.length > TEXT_BYTES
    return !CONTROLS.test(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, TEXT_BYTES), { stream }))
  } catch {
    return false
  }
}

/** Returns a media type in lower case without its parameters. */
const plain = (type: string): string => (type.split(";")[0] ?? "").trim().toLowerCase()

/** Returns the type of the content. `claimed`: the type that the client names. */
export const typeOf = (bytes: Uint8Array, claimed = ""): string => {
  const wanted = plain(claimed)
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD_BYTES)).toString("latin1")
  const found = signatures.find(
    ([, offset, signature]) => head.startsWith(signature, offset) && (offset !== 8 || isRiff(head)),
  )
  // Many texts begin with these two letters.
  if (found !== undefined && !(found[2].length === 2 && /^[A-Z]{2}$/.test(found[2]) && isText(bytes))) {
    return refinements[found[0]]?.test(wanted) === true ? wanted : found[0]
  }
  if (!isText(bytes)) return BINARY
  return TEXT_TYPES.test(wanted) ? wanted : "text/plain"
}

/** Returns whether the content is a text that a model can read as it is. */
export const isTextType = (type: string): boolean => TEXT_TYPES.test(type)

const extensions: Readonly<Record<string, string>> = {
  "image/png": ".png",
  "image/jpeg": ".jpg",
  "image/gif": ".gif",
  "image/webp": ".webp",
  "application/pdf": ".pdf",
  "application/json": ".json",
  "application/zip": ".zip",
  "audio/mpeg": ".mp3",
  "audio/wav": ".wav",
  "audio/ogg": ".ogg",
  "video/mp4": ".mp4",
  "text/plain": ".txt",
  "text/markdown": ".md",
  "text/csv": ".csv",
}

/** Returns the end of the names of files with the type, e.g. `.png`, or an empty text. */
export const extensionOf = (type: string): string => extensions[type] ?? ""
