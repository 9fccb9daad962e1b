/**
 * `causeway doctor`: checks whether a gateway can run here, and prints the next step for each problem. It changes nothing.
 * It asks a running gateway for its health, and model providers for their lists of models.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Flags from "../client/Flags.ts"
import type { Check } from "../process/DoctorChecks.ts"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"
import { processEnvironment } from "../config/Environment.ts"
import { loadConfig } from "../config/LoadConfig.ts"
import { line } from "../../domain/Printable.ts"
import { counted, show } from "../terminal/Output.ts"

export const doctor = Command.make(
  "doctor",
  { json: Flags.json, "state-dir": Flags.stateDir, config: Flags.config },
  Effect.fnUntraced(function* ({ json, ...place }) {
    const [{ runChecks }, { providerChecks }] = yield* Effect.promise(() =>
      Promise.all([import("../process/DoctorChecks.ts"), import("../process/ProviderChecks.ts")]),
    )
    const settings = yield* Effect.result(loadConfig(Flags.given(place)))
    const found: ReadonlyArray<Check> = Result.isFailure(settings)
      ? [{ name: "configuration", problem: settings.failure.problem, remedy: settings.failure.remedy }]
      : [...(yield* runChecks(settings.success)), ...(yield* providerChecks(settings.success, processEnvironment))]
    yield* show(json, { checks: found }, () => found.map(row).join("\n"))
    const problems = found.filter((check) => "problem" in check).length
    if (problems > 0) {
      return yield* new CommandFailed({
        problem: `${counted(problems, "problem")} found`,
        remedy: "follow the steps above",
        exitCode: ExitCode.failed,
      })
    }
  }),
).pipe(
  Command.withDescription(
    "Check whether a gateway can run here: Node, configuration, state folder, file permissions, disk, database, clock, port, model providers and command-line agents. It asks providers for their list of models, which costs nothing. Prints the next step for each problem, and exits with 1 if there is one.",
  ),
  Command.withShortDescription("Check whether a gateway can run here."),
  Command.withExamples([
    { command: "causeway doctor", description: "Check the configuration that `causeway start` would use" },
    { command: "causeway doctor --state-dir ./state --json", description: "Check another state folder, for a program" },
  ]),
)

const row = (check: Check): string =>
  "problem" in check
    ? `WRONG  ${check.name.padEnd(13)}  ${line(check.problem)}: ${line(check.remedy)}`
    : `ok     ${check.name.padEnd(13)}  ${line(check.fact)}`
