/**
 * Faults: why a call was not answered with a value, from a refusal or from how the call ended. Pure; each dialect
 * words them.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { errorSentence } from "../../domain/ErrorSentence.ts"
import type { Refusal } from "../../domain/Refusal.ts"
import { shortened } from "../../domain/Text.ts"
import type { Fault, Tagged } from "./Fault.ts"
import { encodeError, encodeRefusal } from "./MethodCodecs.ts"

export const internal: Fault = { _tag: "Internal" }

export const refused = (refusal: Refusal): Fault => ofError(encodeRefusal(refusal))

/** Longer texts repeat what the client has sent. */
const ISSUE_CHARS = 1_000

export const invalidParams = ({ message }: { readonly message: string }): Fault => ({
  _tag: "InvalidParams",
  issue: shortened(message, ISSUE_CHARS),
})

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

/** Fails with the fault for how a call of the contract ended. */
export const ofCause = (cause: Cause.Cause<unknown>): Effect.Effect<never, Fault> => {
  const error = Cause.findErrorOption(cause)
  if (Option.isSome(error)) {
    return Effect.flatMap(Effect.orDie(encodeError(error.value)), (json) => Effect.fail(ofError(json)))
  }
  return Effect.fail(Cause.hasInterruptsOnly(cause) ? { _tag: "Interrupted" } : internal)
}

/** What is wrong, for people. The facts are in the fault. */
export const describe = (fault: Fault): string => {
  switch (fault._tag) {
    case "UnknownMethod":
      return `Unknown: ${fault.method}`
    case "InvalidParams":
      return "Invalid params"
    case "DuplicateId":
      return "A call with this id is in flight"
    case "Denied":
      return errorSentence(fault.refusal._tag)
    case "Limited":
      return "Rate limited"
    case "Domain": {
      const { _tag, message } = fault.error
      return typeof message === "string" && message !== "" ? message : errorSentence(_tag)
    }
    case "Interrupted":
      return "Cancelled"
    case "Internal":
      return "Internal error"
  }
}
