/**
 * Failure: turns the cause of a failed command into one line for standard error and an exit code. Users see no stack.
 * Causeway.ts and `causeway chat` use it.
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
  /** One printable line. Empty if there is nothing to report. */
  readonly line: string
  readonly exitCode: ExitCode
}

const failed = (line: string): Failure => ({ line, exitCode: ExitCode.failed })

const isRunNotDone = Schema.is(RunNotDone)

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** Returns the problems by field: `text: expected a value with a length of at least 1`. */
export const problemsOf = (issue: SchemaIssue.Issue): string =>
  issuesOf(issue)
    .issues.map(({ message, path = [] }) => [...path.map(String), message.replace(/^E/, "e")].join(": "))
    .join("; ")

const isConnectionError = (error: unknown): error is RpcClientError =>
  Predicate.isTagged(error, "RpcClientError") && error instanceof Error

const fromContract = (error: ContractError): Failure => {
  const isRejected = error._tag === "Unauthenticated" || error._tag === "Forbidden"
  return { line: errorMessage(error), exitCode: isRejected ? ExitCode.refused : ExitCode.failed }
}

/** A reader that leaves early, as in `causeway send … | head -1`, is no failure. */
const fromWrite = ({ code }: WriteFailed): Failure =>
  code === "EPIPE"
    ? { line: "", exitCode: ExitCode.ok }
    : failed(
        `cannot write to standard output (${code}): the output is incomplete; free space or write to another place`,
      )

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
  // The payload does not match the contract, e.g. a message without text.
  if (error instanceof Error && SchemaIssue.isIssue(error.cause)) {
    return { line: problemsOf(error.cause), exitCode: ExitCode.usage }
  }
  if (isConnectionError(error)) {
    if (error.message.includes(REFUSED)) return fromContract(new Unauthenticated({ reason: "invalid" }))
    return { line: `lost the connection to the gateway: ${error.message}`, exitCode: ExitCode.unreachable }
  }
  // Methods change between versions, so an older or newer gateway may send a result that this command cannot decode.
  if (Schema.isSchemaError(error)) {
    return failed(
      `the gateway runs another version than this command (${VERSION}), which cannot read its reply: use the same version of both`,
    )
  }
  if (error instanceof WriteFailed) return fromWrite(error)
  return failed(`unexpected error, please report it: ${error instanceof Error ? error.message : String(error)}`)
}
