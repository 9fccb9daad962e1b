/**
 * Memory: the Markdown files of one folder, and the methods that list, read and write them. The id of a document is its
 * file name without `.md`.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { DOCUMENT_CHARS, EpochMillis, text } from "./Bounds.ts"
import { LimitReached } from "./LimitReached.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"

/** One path segment that cannot leave the folder: no separators, no leading dot. */
export const DocumentId = Schema.String.check(
  Schema.isPattern(/^[\p{L}\p{N}_][\p{L}\p{N} ._-]{0,126}$/u, {
    expected: "1 to 127 letters, digits, spaces, ., _ and -, the first a letter, a digit or _",
  }),
)

export const Document = Schema.Struct({
  id: Schema.String,
  /** Bytes. */
  size: Schema.Int,
  modifiedAt: EpochMillis,
}).annotate({ identifier: "Document" })
export type Document = typeof Document.Type

export const DocumentContent = Schema.Struct({ ...Document.fields, content: Schema.String }).annotate({
  identifier: "DocumentContent",
})
export type DocumentContent = typeof DocumentContent.Type

export class DocumentNotFound extends Schema.TaggedError<DocumentNotFound>()("DocumentNotFound", {
  id: Schema.String,
}) {}

/** The document is larger than DOCUMENT_CHARS allows. */
export class DocumentTooLarge extends Schema.TaggedError<DocumentTooLarge>()("DocumentTooLarge", {
  id: Schema.String,
  size: Schema.Int,
}) {}

/** The payload has `create`, and the document exists. */
export class DocumentExists extends Schema.TaggedError<DocumentExists>()("DocumentExists", { id: Schema.String }) {}

/** The gateway could not read or write the folder (permissions, space). */
export class MemoryUnavailable extends Schema.TaggedError<MemoryUnavailable>()("MemoryUnavailable", {
  operation: Schema.Literals(["list", "read", "write"]),
  detail: Schema.String,
}) {}

const list = Rpc.make("memory.list", {
  payload: {},
  /** Newest first. */
  success: Schema.Struct({ documents: Schema.Array(Document) }),
  error: MemoryUnavailable,
}).annotate(RequiredScope, "operator.read")

const read = Rpc.make("memory.read", {
  payload: { id: DocumentId },
  success: DocumentContent,
  error: Schema.Union([DocumentNotFound, DocumentTooLarge, MemoryUnavailable]),
}).annotate(RequiredScope, "operator.read")

const write = Rpc.make("memory.write", {
  payload: {
    id: DocumentId,
    content: text(DOCUMENT_CHARS),
    /** True: fails if the document exists. */
    create: Schema.optionalKey(Schema.Boolean),
  },
  success: Document,
  error: Schema.Union([DocumentExists, LimitReached, MemoryUnavailable]),
}).annotate(RequiredScope, "operator.write")

export const MemoryRpcs = RpcGroup.make(list, read, write).middleware(Authorized)
