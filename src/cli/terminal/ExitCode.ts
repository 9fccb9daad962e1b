/**
 * Exit codes: what a script can tell from the end of a command, and the failure that carries one. The numbers above 2
 * are those of sysexits.h and of shells.
 */
import * as Schema from "effect/Schema"

export const ExitCode = {
  ok: 0,
  /** The command could not do what it was asked for: the gateway did not start, the run failed. */
  failed: 1,
  /** The command line, or the configuration, is not understood. */
  usage: 2,
  /** EX_UNAVAILABLE: no gateway answers at the address. */
  unreachable: 69,
  /** EX_NOPERM: the gateway refused the token. */
  refused: 77,
  /** Ended by Ctrl-C. A gateway that was asked to stop and did ends with 0. */
  interrupted: 130,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** Why a command failed, as one line for the person who gave it: what is wrong, and what to do. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  problem: Schema.String,
  remedy: Schema.String,
  exitCode: Schema.Literals(Object.values(ExitCode)),
}) {
  override get message(): string {
    return `${this.problem}: ${this.remedy}`
  }
}
