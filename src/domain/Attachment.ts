/**
 * Attachments: files that belong to messages, and the methods that list and read them. A message carries references; the
 * service Attachments keeps the bytes, once for each content. Message, Chat and the wires use the schemas.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { EpochMillis, Id, NAME_CHARS, PageSize, SessionKey, text } from "./Bounds.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { StorageUnavailable } from "./Storage.ts"

/** The reference of a message to a file. */
export const Attachment = Schema.Struct({
  /** The SHA-256 of the content in hexadecimal. Equal files have the same id. */
  id: Schema.String,
  /** The name without folders and control characters. */
  name: Schema.String,
  /** The media type, as the content shows it. */
  type: Schema.String,
  /** Bytes. */
  size: Schema.Int,
  /** Pixels of an image, if its header names them. */
  width: Schema.optionalKey(Schema.Int),
  height: Schema.optionalKey(Schema.Int),
}).annotate({ identifier: "Attachment" })
export type Attachment = typeof Attachment.Type

/** A file of a session, with the message that has it. */
export const AttachedFile = Schema.Struct({
  messageId: Schema.Int,
  runId: Schema.NullOr(Schema.String),
  /** The author of the message. */
  role: Schema.Literals(["user", "assistant", "tool", "system"]),
  at: EpochMillis,
  attachment: Attachment,
}).annotate({ identifier: "AttachedFile" })
export type AttachedFile = typeof AttachedFile.Type

/** The characters of a name that a client gives. The gateway shortens it to NAME_CHARS. */
export const UPLOAD_NAME_CHARS = 1_024

/** The characters of a content in base64. The limits of frames and bodies are usually lower. */
const DATA_CHARS = 268_435_456

/** The files of one message. The option attachments.perMessage is usually lower, and its error says more. */
export const UPLOADS = 4_096

/** A file that a client sends. The gateway checks it and refuses it with AttachmentRefused. */
export const AttachmentUpload = Schema.Struct({
  /** Left out: the gateway makes one of the type. */
  name: Schema.optionalKey(text(UPLOAD_NAME_CHARS)),
  /** The media type. It counts only where the content does not show another one. */
  type: Schema.optionalKey(text(NAME_CHARS)),
  /** The content in base64, with or without the beginning of a `data:` URL. */
  data: text(DATA_CHARS),
}).annotate({ identifier: "AttachmentUpload" })
export type AttachmentUpload = typeof AttachmentUpload.Type

/** Why a file is refused. */
export const AttachmentProblem = Schema.Literals(["empty", "base64", "size", "image-size", "pixels", "count"])
export type AttachmentProblem = typeof AttachmentProblem.Type

/** The gateway does not take a file, so it accepted nothing of the message. */
export class AttachmentRefused extends Schema.TaggedError<AttachmentRefused>()("AttachmentRefused", {
  /** The name of the file, or its place in the list. */
  name: Schema.String,
  problem: AttachmentProblem,
  /** Bytes, or pixels for `pixels`, or attachments for `count`. Null if nothing was measured. */
  size: Schema.NullOr(Schema.Finite),
  /** The limit, in the unit of `size`. */
  limit: Schema.NullOr(Schema.Finite),
  /** The file, the problem and the next step. */
  message: Schema.String,
}) {}

/** Makes the error of a refused file. It is a function of its own, so that browsers do not load its sentences. */
export const attachmentRefused = (
  problem: AttachmentProblem,
  name: string,
  size: number | null = null,
  limit: number | null = null,
): AttachmentRefused => {
  const label = problem === "count" ? "" : `attachment ${name}: `
  return new AttachmentRefused({ name, problem, size, limit, message: `${label}${explanation(problem, size, limit)}` })
}

// OpenClaw's clients know the first words of each sentence.
const explanation = (problem: AttachmentProblem, size: number | null, limit: number | null): string => {
  switch (problem) {
    case "empty":
      return "empty payload. Send a file of at least 1 byte"
    case "base64":
      return "invalid base64 content. Encode the bytes of the file in base64"
    case "size":
      return `exceeds size limit (${size} > ${limit} bytes). Send a smaller file, or raise attachments.maxBytes`
    case "image-size":
      return `image exceeds size limit (${size} > ${limit} bytes). Send a smaller image, or raise attachments.maxImageBytes`
    case "pixels":
      return `image exceeds the limit of pixels (${size} > ${limit}). Send a smaller image`
    case "count":
      return `the message has ${size} attachments, the limit is ${limit}. Send fewer, or raise attachments.perMessage`
  }
}

/** Returns whether models and pages show the type as a picture. SVG is a document that may contain programs. */
export const isImage = ({ type }: Pick<Attachment, "type">): boolean =>
  type.startsWith("image/") && type !== "image/svg+xml"

const KIBI = 1_024

/** Returns a size for people. */
export const sizeText = (bytes: number): string => {
  if (bytes < KIBI) return `${bytes} bytes`
  const kibi = bytes / KIBI
  return kibi < KIBI ? `${kibi.toFixed(1)} KiB` : `${(kibi / KIBI).toFixed(1)} MiB`
}

/** Returns a description of a file for readers who cannot see it. */
export const describe = ({ name, size, type }: Attachment): string =>
  `[Attached file: ${JSON.stringify(name)}, ${type}, ${sizeText(size)}]`

/** The bytes that one answer may hold. A larger file comes by its link, because answers share a bounded buffer. */
export const READ_BYTES = 1_500_000

/** The gateway has no file with the id. */
export class AttachmentNotFound extends Schema.TaggedError<AttachmentNotFound>()("AttachmentNotFound", {
  id: Schema.String,
}) {}

/** The file is larger than one answer may be. */
export class AttachmentTooLarge extends Schema.TaggedError<AttachmentTooLarge>()("AttachmentTooLarge", {
  id: Schema.String,
  /** Bytes. */
  size: Schema.Int,
  limit: Schema.Int,
}) {}

const list = Rpc.make("attachments.list", {
  payload: {
    sessionKey: SessionKey,
    /** Only the files of this run. */
    runId: Schema.optionalKey(Id),
    /** `next` of the previous page. Left out: the newest. */
    before: Schema.optionalKey(Schema.Int),
    /** Messages with files in one page. Left out: 50. */
    limit: Schema.optionalKey(PageSize),
  },
  /** Newest message first. `next` is null on the last page. */
  success: Schema.Struct({ attachments: Schema.Array(AttachedFile), next: Schema.NullOr(Schema.Int) }),
  error: StorageUnavailable,
}).annotate(RequiredScope, "operator.read")

const read = Rpc.make("attachments.read", {
  payload: { id: Id },
  success: Schema.Struct({
    id: Schema.String,
    /** Bytes. */
    size: Schema.Int,
    /** The content in base64. */
    data: Schema.String,
  }),
  error: Schema.Union([AttachmentNotFound, AttachmentTooLarge, StorageUnavailable]),
}).annotate(RequiredScope, "operator.read")

const link = Rpc.make("attachments.link", {
  payload: {
    id: Id,
    /** The name of the file that a browser stores. */
    name: Schema.optionalKey(text(UPLOAD_NAME_CHARS)),
  },
  success: Schema.Struct({
    /** The path at the gateway, with its base path: `/attachments/...`. It needs no token. */
    url: Schema.String,
    expiresAt: EpochMillis,
  }),
  error: Schema.Union([AttachmentNotFound, StorageUnavailable]),
}).annotate(RequiredScope, "operator.read")

export const AttachmentRpcs = RpcGroup.make(list, read, link).middleware(Authorized)
