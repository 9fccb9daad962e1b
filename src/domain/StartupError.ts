/**
 * StartupError: why the gateway cannot start, in one line with the problem and the next step. The startup checks fail with
 * it, and the command line prints it.
 */
import * as Schema from "effect/Schema"

export class StartupError extends Schema.TaggedError<StartupError>()("StartupError", {
  /** The problem with its facts: "port 18789 is taken". */
  problem: Schema.String,
  /** The next step: "stop the other program or set GATEWAY_PORT". */
  remedy: Schema.String,
}) {
  override get message(): string {
    return `${this.problem}: ${this.remedy}`
  }
}
