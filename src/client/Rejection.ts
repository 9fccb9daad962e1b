/**
 * Rejection: turns the cause of a failure into the Error with which a promise rejects. PromiseClient.ts uses it. The
 * errors of the contract are values with facts and without a message, so this module adds one.
 */
import * as Cause from "effect/Cause"
import * as SchemaIssue from "effect/SchemaIssue"
import { errorSentence } from "../domain/ErrorSentence.ts"

const formatIssue = SchemaIssue.makeFormatterDefault()

/** Returns the tag as a sentence, with the facts: `Session not found (sessionKey: "work")`. */
const messageOf = ({ _tag, ...facts }: { readonly _tag: string }): string => {
  const list = Object.entries(facts).map(([name, fact]) => `${name}: ${JSON.stringify(fact)}`)
  return list.length === 0 ? errorSentence(_tag) : `${errorSentence(_tag)} (${list.join(", ")})`
}

const hasTag = (error: Error): error is Error & { readonly _tag: string } =>
  "_tag" in error && typeof error._tag === "string"

/** Returns the Error of a cause. `closed`: the message instead, if the program has closed the client. */
export const toError = <E>(cause: Cause.Cause<E>, closed: string | undefined): Error => {
  if (closed !== undefined) return new Error(closed)
  const error = Cause.squash(cause)
  if (!(error instanceof Error)) return new Error(String(error))
  if (SchemaIssue.isIssue(error.cause)) {
    return new TypeError(`the payload does not match the contract: ${formatIssue(error.cause)}`, { cause: error.cause })
  }
  // Changes the same object, so that `instanceof` and the facts still work.
  if (error.message === "" && hasTag(error)) {
    Object.defineProperty(error, "message", { value: messageOf({ ...error, _tag: error._tag }), configurable: true })
  }
  return error
}
