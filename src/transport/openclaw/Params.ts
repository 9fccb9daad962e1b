/**
 * Params: how parameters are read in this dialect. Clients of four generations send them, so that a field left out may
 * be null or an empty text, and one that is not known is passed by. Pure; it knows no method.
 */
import * as Schema from "effect/Schema"
import { failed } from "../Inquiry.ts"

const maybe = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

export const text = maybe(Schema.String)
export const number = maybe(Schema.Finite)
export const flag = maybe(Schema.Boolean)
/** What is only looked at for being there. */
export const anything = Schema.optionalKey(Schema.Unknown)
export const list = maybe(Schema.Array(Schema.Unknown))
export const texts = maybe(Schema.Array(Schema.String))

export const Nothing = Schema.Struct({})

/** An empty text stands for nothing. */
export const filled = (text: string | null | undefined): string | undefined => text?.trim() || undefined

type Given<A> = { readonly [K in keyof A]?: Exclude<A[K], undefined | null> }

/** The fields that were given. */
export const given = <A extends object>(fields: A): Given<A> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)) as Given<A>

/** A whole number between 1 and `max`. */
export const bounded = (value: number | null | undefined, fallback: number, max: number): number =>
  Math.min(max, Math.max(1, Math.floor(value ?? fallback)))

export const invalid = (issue: string) => failed({ _tag: "InvalidParams", issue })
