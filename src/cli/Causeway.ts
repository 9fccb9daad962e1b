/**
 * Causeway: the command line. It lists the commands, prints help and usage errors, and turns failures into one line and
 * an exit code. Each file in `commands` defines one command with its flags and help. main.ts runs it.
 */
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { line } from "../domain/Printable.ts"
import { VERSION } from "../domain/Version.ts"
import { agents } from "./commands/Agents.ts"
import { approvals } from "./commands/Approvals.ts"
import { bindings } from "./commands/Bindings.ts"
import { call } from "./commands/Call.ts"
import { chat } from "./commands/Chat.ts"
import { connections } from "./commands/Connections.ts"
import { devices } from "./commands/Devices.ts"
import { doctor } from "./commands/Doctor.ts"
import { ExitCode } from "./terminal/ExitCode.ts"
import { fleet } from "./commands/Fleet.ts"
import { failureOf } from "./terminal/Failure.ts"
import { memory } from "./commands/Memory.ts"
import { models } from "./commands/Models.ts"
import { note } from "./terminal/Output.ts"
import { questions } from "./commands/Questions.ts"
import { send } from "./commands/Send.ts"
import { sessions } from "./commands/Sessions.ts"
import { setup } from "./commands/Setup.ts"
import { start } from "./commands/Start.ts"
import { status } from "./commands/Status.ts"
import { tail } from "./commands/Tail.ts"
import { token } from "./commands/Token.ts"
import { tools } from "./commands/Tools.ts"
import { Writer } from "./terminal/Writer.ts"

const causeway = Command.make("causeway").pipe(
  Command.withDescription(
    `An actor-model gateway for AI agents. Start it, then use it from another terminal.

Exit codes: 0 success, 1 failure, 2 invalid command line or configuration, 69 no gateway answers, 77 the gateway rejected the token, 130 ended by Ctrl-C.`,
  ),
  Command.withSubcommands([
    start,
    { group: "Talk", commands: [chat, send, sessions] },
    { group: "Configure", commands: [setup, agents, models, bindings, memory, tools] },
    {
      group: "Operate",
      commands: [status, fleet, tail, approvals, questions, connections, devices, token, doctor, call],
    },
  ]),
)

/** Writes text of this program with its colours. `run` reports the defect of a failed write. */
const writeText = (text: string): Effect.Effect<void> =>
  Effect.flatMap(Writer, (writer) => Effect.orDie(writer.write("stdout", `${text}\n`)))

/** Prints usage errors on one line. `--help` prints the whole help. */
const presenter: CliOutput.Presenter = {
  present: Effect.fnUntraced(function* (event) {
    if (event._tag === "InvalidInvocation") {
      const command = event.commandPath.join(" ")
      return yield* note(line(`${command}: ${event.errors.map(usageError).join("; ")} Try: ${command} --help`))
    }
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    const format = CliOutput.defaultFormatter({ colors: canColor })
    yield* writeText(
      event._tag === "Help" ? format.formatHelpDoc(event.helpDoc) : format.formatVersion(event.name, event.version),
    )
  }),
}

/** Replaces effect's flag, which ignores failed writes. */
const completions = GlobalFlag.Action({
  flag: GlobalFlag.Completions.flag,
  run: (shell, { command }) =>
    Option.isNone(shell)
      ? Effect.void
      : writeText(Completions.generate(command.name, shell.value, Completions.fromCommand(command))),
})

const settings = Layer.mergeAll(
  CliOutput.layerPresenter(presenter),
  // Leaves out effect's `--log-level`, because the gateway has an option of that name.
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, completions] }),
)

/** Returns the problem on one line, with suggestions if there are any. */
const usageError = (error: CliError.CliError): string => {
  const problem = `${error.message.split("\n", 1)[0]}.`
  const suggestions = "suggestions" in error ? error.suggestions : []
  return suggestions.length === 0 ? problem : `${problem} Did you mean ${suggestions.join(" or ")}?`
}

/** Runs the command that the arguments name and returns its exit code. */
export const run = (args: ReadonlyArray<string>) =>
  Command.runWith(causeway, { version: VERSION })(args).pipe(
    Effect.as<ExitCode>(ExitCode.ok),
    Effect.catchIf(CliError.isCliError, (error) =>
      Effect.succeed(error._tag === "ShowHelp" && error.errors.length === 0 ? ExitCode.ok : ExitCode.usage),
    ),
    Effect.catchCause((cause) => {
      const { line, exitCode } = failureOf(cause)
      return Effect.as(line === "" ? Effect.void : note(`causeway: ${line}`), exitCode)
    }),
    Effect.provide(settings),
  )
