/**
 * Faults: makes faults from refusals, errors and causes, and describes them. The kernel and the dialects use it.
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

/** Returns the fault for a refusal. */
export const refused = (refusal: Refusal): Fault => ofError(encodeRefusal(refusal))

/** The rest of a longer issue would only repeat the client's own input. */
const ISSUE_CHARS = 1_000

/** Returns the fault for parameters that their schema rejects. */
export const invalidParams = ({ message }: { readonly message: string }): Fault => ({
  _tag: "InvalidParams",
  issue: shortened(message, ISSUE_CHARS),
})

/** Returns the fault for an error in its JSON form: a refusal, or the method's own error. */
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

/** Fails with the fault for the cause with which a call of the contract failed. */
export const ofCause = (cause: Cause.Cause<unknown>): Effect.Effect<never, Fault> => {
  const error = Cause.findErrorOption(cause)
  if (Option.isSome(error)) {
    return Effect.flatMap(Effect.orDie(encodeError(error.value)), (json) => Effect.fail(ofError(json)))
  }
  return Effect.fail(Cause.hasInterruptsOnly(cause) ? { _tag: "Interrupted" } : internal)
}

/** Returns the fault of a call that failed, or `undefined` if the cause is a bug. */
export const ofExit = (cause: Cause.Cause<Fault>): Fault | undefined => {
  const fault = Cause.findErrorOption(cause)
  if (Option.isSome(fault)) return fault.value
  return Cause.hasInterrupts(cause) ? { _tag: "Interrupted" } : undefined
}

/** Returns the fault as a tagged object for programs: the error of the contract where there is one. */
export const taggedOf = (fault: Fault): Tagged => {
  switch (fault._tag) {
    case "Denied":
      return fault.refusal
    case "Limited":
      return { ...fault, _tag: "RateLimited" }
    case "Domain":
      return fault.error
    default:
      return { ...fault }
  }
}

/** Describes a fault for people. The facts stay in the fault. */
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
