/**
 * Params: how parameters are read in this dialect. Clients of four generations send them, so that a field left out may
 * be null or an empty text, and one that is not known is passed by. Pure; it knows no method.
 */
import * as Schema from "effect/Schema"
import {
  ID_CHARS,
  list,
  MESSAGE_CHARS,
  NAME_CHARS,
  printableText,
  RUN_MS,
  SESSION_KEY_CHARS,
  text,
} from "../../../domain/Bounds.ts"
import { maybe } from "../../dialect/Params.ts"
import { fail } from "../../dialect/Query.ts"

/** The name of a session, as clients write it. */
export const key = maybe(printableText(SESSION_KEY_CHARS))
export const id = maybe(printableText(ID_CHARS))
export const cursor = maybe(text(SESSION_KEY_CHARS))
/** A name, a title, an agent or a model. */
export const name = maybe(text(NAME_CHARS))
export const message = maybe(text(MESSAGE_CHARS))
export const number = maybe(Schema.Finite)
export const flag = maybe(Schema.Boolean)
/** What is only looked at for being there. */
export const anything = Schema.optionalKey(Schema.Unknown)
export const things = maybe(list(Schema.Unknown))
export const names = maybe(list(text(NAME_CHARS)))
export const keys = maybe(list(printableText(SESSION_KEY_CHARS)))

export const Nothing = Schema.Struct({})

/** A whole number between 1 and `max`. */
export const bounded = (value: number | null | undefined, fallback: number, max: number): number =>
  Math.min(max, Math.max(1, Math.floor(value ?? fallback)))

/** Returns how long a run may take. Zero stands for no bound, as in the reference gateway. */
export const runMs = (timeoutMs: number | null | undefined): number | undefined =>
  timeoutMs == null || timeoutMs <= 0 ? undefined : Math.min(RUN_MS, Math.ceil(timeoutMs))

export const invalid = (issue: string) => fail({ _tag: "InvalidParams", issue })
