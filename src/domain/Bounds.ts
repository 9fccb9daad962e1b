/**
 * The sizes of the contract: how long a text, a list or a page may be on any wire.
 * These are part of the protocol. What a single gateway allows (rates, queues, buffers) is configuration: see Limits.ts.
 */
import * as Schema from "effect/Schema"

/** Characters of one chat message, user's or agent's prompt. */
export const MESSAGE_CHARS = 262_144
/** Characters of what a run says, of what it thinks, and of what one of its tools is asked and answers. */
export const REPLY_CHARS = 1_048_576
/** Characters of a file of the memory folder. */
export const DOCUMENT_CHARS = 1_048_576
/** Characters of a name, a title or a label. */
export const NAME_CHARS = 200
/** Characters of an identifier that a client may choose (session keys, idempotency keys, peers). */
export const ID_CHARS = 256
/** Characters of a personality or another instruction for an agent. */
export const INSTRUCTION_CHARS = 65_536
/** Rows in one page of a list. */
export const PAGE_ROWS = 200

export const text = (max: number) => Schema.String.check(Schema.isMaxLength(max))

export const nonEmptyText = (max: number) => Schema.String.check(Schema.isNonEmpty(), Schema.isMaxLength(max))

export const Name = nonEmptyText(NAME_CHARS)

/** An identifier of the client's choosing: printable, no control characters. */
export const Id = nonEmptyText(ID_CHARS).check(
  Schema.isPattern(/^[^\p{Cc}]+$/u, { expected: "text without control characters" }),
)

export const PageSize = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: PAGE_ROWS }))

/** Milliseconds since 1970-01-01T00:00Z. */
export const EpochMillis = Schema.Finite
