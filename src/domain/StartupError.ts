/**
 * Why the gateway cannot start, as one line for the person who started it: what is wrong, and what to do.
 */
import * as Schema from "effect/Schema"

export class StartupError extends Schema.TaggedError<StartupError>()("StartupError", {
  /** What is wrong, with the facts: "port 18789 is taken". */
  problem: Schema.String,
  /** What to do: "stop the other program or set GATEWAY_PORT". */
  remedy: Schema.String,
}) {
  override get message(): string {
    return `${this.problem}: ${this.remedy}`
  }
}
