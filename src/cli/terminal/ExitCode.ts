/**
 * ExitCode: the exit codes of commands, and the error that carries one. 69 and 77 come from sysexits.h, 130 from shells.
 * docs/cli.md lists them for scripts.
 */
import * as Schema from "effect/Schema"

export const ExitCode = {
  ok: 0,
  /** The command failed: for example, the gateway did not start or the run failed. */
  failed: 1,
  /** The command line or the configuration is invalid. */
  usage: 2,
  /** EX_UNAVAILABLE: no gateway answers at the address. */
  unreachable: 69,
  /** EX_NOPERM: the gateway rejected the token. */
  refused: 77,
  /** Ended by Ctrl-C. A gateway that stops on request exits with 0. */
  interrupted: 130,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** The failure of a command: the problem and the next step, printed on one line. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  problem: Schema.String,
  remedy: Schema.String,
  exitCode: Schema.Literals(Object.values(ExitCode)),
}) {
  override get message(): string {
    // A remedy such as "Did you mean ...?" is a sentence of its own.
    return `${this.problem}${/^[A-Z][a-z]/.test(this.remedy) ? "." : ":"} ${this.remedy}`
  }
}

/** Makes the failure of a command line or a configuration that is invalid. */
export const usageError = (problem: string, remedy: string): CommandFailed =>
  new CommandFailed({ problem, remedy, exitCode: ExitCode.usage })
