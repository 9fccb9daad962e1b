/**
 * Failure: the end of a command as one line for standard error and an exit code. The edge where errors become words;
 * nobody is shown a stack.
 */
import * as Cause from "effect/Cause"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import { RunNotDone } from "../client/Reply.ts"
import { SendError } from "../domain/Chat.ts"
import { Refusal } from "../domain/Refusal.ts"
import { StartupError } from "../domain/StartupError.ts"
import { CommandFailed, ExitCode } from "./ExitCode.ts"

export interface Failure {
  readonly line: string
  readonly exitCode: ExitCode
}

const Known = Schema.Union([SendError, Refusal, RunNotDone, StartupError, CommandFailed])

const isKnown = Schema.is(Known)

const failed = (line: string): Failure => ({ line, exitCode: ExitCode.failed })

const refused = (line: string): Failure => ({ line, exitCode: ExitCode.refused })

const fromKnown = (error: typeof Known.Type): Failure => {
  switch (error._tag) {
    case "CommandFailed":
      return { line: error.message, exitCode: error.exitCode }
    case "StartupError":
      return failed(error.message)
    case "RunNotDone":
      return failed(error.outcome === "aborted" ? "the run was aborted" : `the run failed: ${error.error?.message}`)
    case "AgentNotFound":
      return failed(`there is no agent ${error.agentId}: --agent takes the id of one that agents.list gives`)
    case "IdempotencyConflict":
      return failed(`the key ${error.idempotencyKey} belongs to a message of session ${error.sessionKey}`)
    case "SessionBusy":
      return failed(`${error.waiting} messages wait in session ${error.sessionKey}: try again when some are answered`)
    case "ShuttingDown":
      return failed("the gateway is stopping and takes no new messages: try again when it is back")
    case "StorageUnavailable":
      return failed(`the gateway cannot write to its disk (${error.detail}): nothing was sent, try again`)
    case "Unauthenticated":
      return refused("the gateway refused the token: give its token by --token or GATEWAY_TOKEN")
    case "Forbidden":
      return refused(`this token may not call ${error.method}: it lacks ${error.missingScope}`)
    case "RateLimited":
      return failed(`too many requests: try again in ${error.retryAfterMs} ms`)
  }
}

const isConnectionError = (error: unknown): error is RpcClientError =>
  Predicate.isTagged(error, "RpcClientError") && error instanceof Error

export const failureOf = (cause: Cause.Cause<unknown>): Failure => {
  if (Cause.hasInterruptsOnly(cause)) return { line: "", exitCode: ExitCode.interrupted }
  const error = Cause.squash(cause)
  if (isKnown(error)) return fromKnown(error)
  if (isConnectionError(error)) {
    return { line: `the connection to the gateway broke: ${error.message}`, exitCode: ExitCode.unreachable }
  }
  // Whoever read our output has left: `causeway send … | head -1`.
  if (Predicate.isTagged(error, "PlatformError")) return { line: "", exitCode: ExitCode.ok }
  return failed(`this should not have happened: ${error instanceof Error ? error.message : String(error)}`)
}
