/**
 * Params: optional parameters. A client may leave a parameter out, or send null or an empty text in its place. JSON-RPC,
 * OpenClaw, the hooks and the OpenAI-compatible routes use it.
 */
import * as Schema from "effect/Schema"

/** Accepts null in place of a missing member: some languages cannot leave a member out. */
export const maybe = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

type Text = string | null | undefined

/** Returns `undefined` for an empty text. */
export const filled = (text: Text): string | undefined => text || undefined

/** Returns the text without the blanks around it, or `undefined` if nothing is left. */
export const trimmed = (text: Text): string | undefined => text?.trim() || undefined

/** Whether the text has more than blanks. */
export const hasText = (text: Text): text is string => trimmed(text) !== undefined

type Given<A> = { readonly [K in keyof A]?: NonNullable<A[K]> }

/** Returns the fields that are neither `undefined` nor null. */
export const given = <A extends object>(fields: A): Given<A> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)) as Given<A>
