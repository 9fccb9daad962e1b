/**
 * Bounds: the sizes of the contract. They limit texts, lists and pages on every wire and are part of the protocol. The
 * rates, queues and buffers of a gateway are configuration: see Limits.ts.
 */
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"

/** Characters of one chat message. */
export const MESSAGE_CHARS = 262_144
/** Characters of a file of the memory folder. */
export const DOCUMENT_CHARS = 1_048_576
/** Characters of a name, a title or a label. */
export const NAME_CHARS = 200
/** Characters of an identifier that a client chooses (idempotency keys, peers). */
export const ID_CHARS = 256
/**
 * Characters of a session key. A key made from a route holds an agent (64), a channel, an account and a peer (256 each).
 * Lower case may double their length.
 */
export const SESSION_KEY_CHARS = 2_048
/** Characters of a token, a password or another secret. */
export const SECRET_CHARS = 4_096
/** Characters of a method name, known or unknown. */
export const METHOD_CHARS = 256
/** Items of a list that a client sends, unless its schema has a smaller bound. */
export const LIST_ITEMS = 256
/** Characters of a personality or another instruction for an agent. */
export const INSTRUCTION_CHARS = 65_536
/** Milliseconds (a week): the longest time that a client can give a run or a request to an operator. */
export const RUN_MS = 604_800_000
/** Milliseconds (ten minutes): the longest wait of one call. */
export const WAIT_MS = 600_000
/** Milliseconds that a call waits if the client names no time. */
export const DEFAULT_WAIT_MS = 30_000
/** Rows in one page of a list. */
export const PAGE_ROWS = 200
/** Rows in a page if the client names no number. */
export const DEFAULT_ROWS = 50

export const text = (max: number) => Schema.String.check(Schema.isMaxLength(max))

export const nonEmptyText = (max: number) => Schema.String.check(Schema.isNonEmpty(), Schema.isMaxLength(max))

export const Name = nonEmptyText(NAME_CHARS)

/** Refuses control characters and halves of surrogate pairs. SQLite would store all such halves as the same character. */
const printable = Schema.isPattern(/^[^\p{Cc}\p{Cs}]*$/u, { expected: "text without control characters" })

export const printableText = (max: number) => text(max).check(printable)

/** An identifier that the client chooses. */
export const Id = nonEmptyText(ID_CHARS).check(printable)

/** The key of a session: chosen by a client, or made from a route. */
export const SessionKey = nonEmptyText(SESSION_KEY_CHARS).check(printable)

/** A part of a route, as its channel writes it. An empty text means the same as a missing one. */
export const RoutePart = printableText(ID_CHARS)

export const list = <S extends Schema.Top>(item: S, max = LIST_ITEMS) =>
  Schema.Array(item).check(Schema.isMaxLength(max))

/** A set of literals, sent as a list in any order. Decodes to the order of the literals, without duplicates. */
export const setOf = <L extends ReadonlyArray<string>>(literals: Schema.Literals<L>) =>
  list(literals).pipe(
    Schema.decode({
      decode: SchemaGetter.transform((items: ReadonlyArray<L[number]>) =>
        literals.literals.filter((literal) => items.includes(literal)),
      ),
      encode: SchemaGetter.passthrough(),
    }),
  )

export const PageSize = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: PAGE_ROWS }))

/** Milliseconds that a run or a request to an operator may take. */
export const RunMillis = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: RUN_MS }))

/** Milliseconds that a call may wait. */
export const WaitMillis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: WAIT_MS }))

/** Milliseconds since 1970-01-01T00:00Z. */
export const EpochMillis = Schema.Finite
