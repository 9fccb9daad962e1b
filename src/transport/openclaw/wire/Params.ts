/**
 * Params: the schemas of parameters. Clients of four generations send null or an empty text in place of a missing
 * parameter, and parameters that the gateway ignores. The methods use it.
 */
import * as Schema from "effect/Schema"
import { UPLOADS } from "../../../domain/Attachment.ts"
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

/** A session key as clients write it, see SessionKeys.ts. */
export const key = maybe(printableText(SESSION_KEY_CHARS))
export const id = maybe(printableText(ID_CHARS))
export const cursor = maybe(text(SESSION_KEY_CHARS))
/** A name, a title, an agent or a model. */
export const name = maybe(text(NAME_CHARS))
export const message = maybe(text(MESSAGE_CHARS))
export const number = maybe(Schema.Finite)
export const flag = maybe(Schema.Boolean)
/** A parameter that the method takes and ignores. */
export const ignored = Schema.optionalKey(Schema.Unknown)
/** Artifacts.ts reads them, and the service Attachments bounds their content. */
export const attachments = maybe(list(Schema.Unknown, UPLOADS))
export const names = maybe(list(text(NAME_CHARS)))
export const keys = maybe(list(printableText(SESSION_KEY_CHARS)))

export const NoParams = Schema.Struct({})

/** Returns a whole number from 1 to `max`. */
export const bounded = (value: number | null | undefined, fallback: number, max: number): number =>
  Math.min(max, Math.max(1, Math.floor(value ?? fallback)))

/** Returns the time limit of a run, or `undefined` for zero: the reference gateway takes zero for no limit. */
export const runMs = (timeoutMs: number | null | undefined): number | undefined =>
  timeoutMs == null || timeoutMs <= 0 ? undefined : Math.min(RUN_MS, Math.ceil(timeoutMs))

/** Fails because of invalid parameters. */
export const invalid = (issue: string) => fail({ _tag: "InvalidParams", issue })
