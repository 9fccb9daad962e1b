/**
 * Failure: the end of a command as one line for standard error and an exit code. The edge where errors become words;
 * nobody is shown a stack.
 */
import * as Cause from "effect/Cause"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import { RunNotDone } from "../client/Reply.ts"
import { StartupError } from "../domain/StartupError.ts"
import { CommandFailed, ExitCode } from "./ExitCode.ts"
import { isContractError, wording } from "./Wording.ts"

export interface Failure {
  readonly line: string
  readonly exitCode: ExitCode
}

const failed = (line: string): Failure => ({ line, exitCode: ExitCode.failed })

const isRunNotDone = Schema.is(RunNotDone)

const isConnectionError = (error: unknown): error is RpcClientError =>
  Predicate.isTagged(error, "RpcClientError") && error instanceof Error

export const failureOf = (cause: Cause.Cause<unknown>): Failure => {
  if (Cause.hasInterruptsOnly(cause)) return { line: "", exitCode: ExitCode.interrupted }
  const error = Cause.squash(cause)
  if (error instanceof CommandFailed) return { line: error.message, exitCode: error.exitCode }
  if (error instanceof StartupError) return failed(error.message)
  if (isRunNotDone(error)) {
    return failed(error.outcome === "aborted" ? "the run was aborted" : `the run failed: ${error.error?.message}`)
  }
  if (isContractError(error)) {
    const isRefused = error._tag === "Unauthenticated" || error._tag === "Forbidden"
    return { line: wording(error), exitCode: isRefused ? ExitCode.refused : ExitCode.failed }
  }
  if (isConnectionError(error)) {
    return { line: `the connection to the gateway broke: ${error.message}`, exitCode: ExitCode.unreachable }
  }
  // Whoever read our output has left: `causeway send … | head -1`.
  if (Predicate.isTagged(error, "PlatformError")) return { line: "", exitCode: ExitCode.ok }
  return failed(`this should not have happened: ${error instanceof Error ? error.message : String(error)}`)
}
