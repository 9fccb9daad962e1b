/**
 * Faults: why a call was not answered with a value, from a refusal or from how the call ended. Pure; each dialect
 * words them.
 */
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import type { Refusal } from "../domain/Refusal.ts"
import type { Fault, Tagged } from "./Dialect.ts"
import { encodeRefusal } from "./MethodCodecs.ts"

export const internal: Fault = { _tag: "Internal" }

export const refused = (refusal: Refusal): Fault => ofError(encodeRefusal(refusal))

/** From an error as JSON: the refusals that any method may give, or the method's own. */
export const ofError = (error: Tagged): Fault => {
  switch (error._tag) {
    case "Unauthenticated":
    case "Forbidden":
      return { _tag: "Denied", refusal: { ...error } }
    case "RateLimited":
      return { _tag: "Limited", limit: String(error["limit"]), retryAfterMs: Number(error["retryAfterMs"]) }
    default:
      return { _tag: "Domain", error: { ...error } }
  }
}

/** The method's error, if the call ended with one; else how it ended instead. */
export const ofCause = (cause: Cause.Cause<unknown>): { readonly error: unknown } | Fault => {
  const error = Cause.findErrorOption(cause)
  if (Option.isSome(error)) return { error: error.value }
  return Cause.hasInterruptsOnly(cause) ? { _tag: "Interrupted" } : internal
}
