/**
 * Failure: the end of a command as one line for standard error and an exit code. Errors become sentences here; no one
 * sees a stack.
 */
import * as Cause from "effect/Cause"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import { REFUSED } from "../../client/ClientConnection.ts"
import { RunNotDone } from "../../client/Reply.ts"
import { Unauthenticated } from "../../domain/Refusal.ts"
import { StartupError } from "../../domain/StartupError.ts"
import { line } from "../../domain/Printable.ts"
import { VERSION } from "../../domain/Version.ts"
import { CommandFailed, ExitCode } from "./ExitCode.ts"
import { WriteFailed } from "./Writer.ts"
import { type ContractError, isContractError, errorMessage } from "./ErrorMessages.ts"

export interface Failure {
  /** On one line, and printable, whatever others wrote into it. Empty: there is nothing to say. */
  readonly line: string
  readonly exitCode: ExitCode
}

const failed = (line: string): Failure => ({ line, exitCode: ExitCode.failed })

const isRunNotDone = Schema.is(RunNotDone)

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** What does not fit, field by field: `text: expected a value with a length of at least 1`. */
export const problemsOf = (issue: SchemaIssue.Issue): string =>
  issuesOf(issue)
    .issues.map(({ message, path = [] }) => [...path.map(String), message.replace(/^E/, "e")].join(": "))
    .join("; ")

const isConnectionError = (error: unknown): error is RpcClientError =>
  Predicate.isTagged(error, "RpcClientError") && error instanceof Error

const fromContract = (error: ContractError): Failure => {
  const isRefused = error._tag === "Unauthenticated" || error._tag === "Forbidden"
  return { line: errorMessage(error), exitCode: isRefused ? ExitCode.refused : ExitCode.failed }
}

/** A reader that has left, as in `causeway send … | head -1`, has read enough. */
const fromWrite = ({ code }: WriteFailed): Failure =>
  code === "EPIPE"
    ? { line: "", exitCode: ExitCode.ok }
    : failed(`cannot write to standard output (${code}): the output is incomplete; free some space or write elsewhere`)

export const failureOf = (cause: Cause.Cause<unknown>): Failure => {
  const failure = failureFrom(cause)
  return { ...failure, line: line(failure.line) }
}

const failureFrom = (cause: Cause.Cause<unknown>): Failure => {
  if (Cause.hasInterruptsOnly(cause)) return { line: "", exitCode: ExitCode.interrupted }
  const error = Cause.squash(cause)
  if (error instanceof CommandFailed) return { line: error.message, exitCode: error.exitCode }
  if (error instanceof StartupError) return failed(error.message)
  if (isRunNotDone(error)) return failed(error.message)
  if (isContractError(error)) return fromContract(error)
  // The contract itself refuses what was to be sent, e.g. a message without text.
  if (error instanceof Error && SchemaIssue.isIssue(error.cause)) {
    return { line: problemsOf(error.cause), exitCode: ExitCode.usage }
  }
  if (isConnectionError(error)) {
    if (error.message.includes(REFUSED)) return fromContract(new Unauthenticated({ reason: "invalid" }))
    return { line: `the connection to the gateway broke: ${error.message}`, exitCode: ExitCode.unreachable }
  }
  // Methods grow from version to version, and the one that answers is not always as new as the one that asks.
  if (Schema.isSchemaError(error)) {
    return failed(
      `the gateway is of another version than this command (${VERSION}), which does not understand its answer: run both alike`,
    )
  }
  if (error instanceof WriteFailed) return fromWrite(error)
  return failed(`this should not have happened: ${error instanceof Error ? error.message : String(error)}`)
}
