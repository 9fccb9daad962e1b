/**
 * Rejection: what went wrong, as a program without Effect meets it: always an Error, with a message that a person can
 * read. The contract's errors are values with facts and have no sentences of their own. Pure but for that message.
 */
import * as Cause from "effect/Cause"
import * as SchemaIssue from "effect/SchemaIssue"

const issuesOf = SchemaIssue.makeFormatterDefault()

/** `SessionNotFound` and its facts: `Session not found (sessionKey: "work")`. */
const sentence = ({ _tag, ...facts }: { readonly _tag: string }): string => {
  const words = _tag.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  const told = Object.entries(facts).map(([name, fact]) => `${name}: ${JSON.stringify(fact)}`)
  return told.length === 0 ? words : `${words} (${told.join(", ")})`
}

const hasTag = (error: Error): error is Error & { readonly _tag: string } =>
  "_tag" in error && typeof error._tag === "string"

/** `closed`: what to say where the client was closed, whatever that did to what was under way. */
export const toError = <E>(cause: Cause.Cause<E>, closed: string | undefined): Error => {
  if (closed !== undefined) return new Error(closed)
  const error = Cause.squash(cause)
  if (!(error instanceof Error)) return new Error(String(error))
  if (SchemaIssue.isIssue(error.cause)) {
    return new TypeError(`the contract does not take that: ${issuesOf(error.cause)}`, { cause: error.cause })
  }
  // The same object, so that instanceof and its facts hold.
  if (error.message === "" && hasTag(error)) {
    Object.defineProperty(error, "message", { value: sentence({ ...error, _tag: error._tag }), configurable: true })
  }
  return error
}
