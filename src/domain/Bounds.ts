/**
 * The sizes of the contract: how long a text, a list or a page may be on any wire.
 * These are part of the protocol. What a single gateway allows (rates, queues, buffers) is configuration: see Limits.ts.
 */
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"

/** Characters of one chat message, user's or agent's prompt. */
export const MESSAGE_CHARS = 262_144
/** Characters of a file of the memory folder. */
export const DOCUMENT_CHARS = 1_048_576
/** Characters of a name, a title or a label. */
export const NAME_CHARS = 200
/** Characters of an identifier that a client may choose (session keys, idempotency keys, peers). */
export const ID_CHARS = 256
/**
 * Characters of a session key. One that is made of a route has an agent (64), a channel, an account and a peer (256
 * each), which lower case may make twice as long.
 */
export const SESSION_KEY_CHARS = 2_048
/** Characters of a token, a password or another secret. */
export const SECRET_CHARS = 4_096
/** Characters of the name of a method, known or not. */
export const METHOD_CHARS = 256
/** Items of a list that a client sends, where nothing smaller is said. */
export const LIST_ITEMS = 256
/** Characters of a personality or another instruction for an agent. */
export const INSTRUCTION_CHARS = 65_536
/** Rows in one page of a list. */
export const PAGE_ROWS = 200

export const text = (max: number) => Schema.String.check(Schema.isMaxLength(max))

export const nonEmptyText = (max: number) => Schema.String.check(Schema.isNonEmpty(), Schema.isMaxLength(max))

export const Name = nonEmptyText(NAME_CHARS)

/** No control characters, and nothing that is not a character: halves of surrogate pairs would all be stored alike. */
const printable = Schema.isPattern(/^[^\p{Cc}\p{Cs}]*$/u, { expected: "text without control characters" })

export const printableText = (max: number) => text(max).check(printable)

/** An identifier of the client's choosing. */
export const Id = nonEmptyText(ID_CHARS).check(printable)

/** The name of a session: chosen by a client, or made of a route, and then as long as its parts together. */
export const SessionKey = nonEmptyText(SESSION_KEY_CHARS).check(printable)

/** A part of a route, as it is known on its channel; empty means the same as left out. */
export const RoutePart = printableText(ID_CHARS)

export const list = <S extends Schema.Top>(item: S, max = LIST_ITEMS) =>
  Schema.Array(item).check(Schema.isMaxLength(max))

/** A set of literals, sent as a list in any order. It is read in the order of the literals, each once. */
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

/** Milliseconds since 1970-01-01T00:00Z. */
export const EpochMillis = Schema.Finite
