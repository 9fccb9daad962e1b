/**
 * `causeway doctor`: whether a gateway could run here, and what to do where it could not. It changes nothing, and asks a
 * gateway that runs nothing but whether it is there.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Flags from "../client/Flags.ts"
import type { Check } from "../process/DoctorChecks.ts"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"
import { loadConfig } from "../config/LoadConfig.ts"
import { line } from "../../domain/Printable.ts"
import { show } from "../terminal/Output.ts"

export const doctor = Command.make(
  "doctor",
  { json: Flags.json, "state-dir": Flags.stateDir, config: Flags.config },
  Effect.fnUntraced(function* ({ json, ...place }) {
    const { checks } = yield* Effect.promise(() => import("../process/DoctorChecks.ts"))
    const settings = yield* Effect.result(loadConfig(Flags.given(place)))
    const found: ReadonlyArray<Check> = Result.isFailure(settings)
      ? [{ name: "configuration", problem: settings.failure.problem, remedy: settings.failure.remedy }]
      : yield* checks(settings.success)
    yield* show(json, { checks: found }, () => found.map(row).join("\n"))
    const wrong = found.filter((check) => "problem" in check).length
    if (wrong > 0) {
      return yield* new CommandFailed({
        problem: wrong === 1 ? "one thing is wrong" : `${wrong} things are wrong`,
        remedy: "the lines above say what to do",
        exitCode: ExitCode.failed,
      })
    }
  }),
).pipe(
  Command.withDescription(
    "Look whether a gateway could run here: configuration, state folder, token, database, disk, port and clock. Says what is wrong and what to do; ends with 1 if something is.",
  ),
  Command.withShortDescription("Find out why a gateway does not run well."),
  Command.withExamples([
    { command: "causeway doctor", description: "With the configuration that `causeway start` would use" },
    { command: "causeway doctor --state-dir ./state --json", description: "Another state folder, for a program" },
  ]),
)

const row = (check: Check): string =>
  "problem" in check
    ? `WRONG  ${check.name.padEnd(13)}  ${line(check.problem)}: ${line(check.remedy)}`
    : `ok     ${check.name.padEnd(13)}  ${line(check.fact)}`
