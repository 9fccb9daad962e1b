/**
 * Causeway: the command line. Which commands there are, and how one ends. Each command's file says what it takes, what
 * its help teaches and what it does.
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
import { bindings } from "./commands/Bindings.ts"
import { call } from "./commands/Call.ts"
import { chat } from "./commands/Chat.ts"
import { connections } from "./commands/Connections.ts"
import { devices } from "./commands/Devices.ts"
import { doctor } from "./commands/Doctor.ts"
import { ExitCode } from "./terminal/ExitCode.ts"
import { failureOf } from "./terminal/Failure.ts"
import { memory } from "./commands/Memory.ts"
import { note } from "./terminal/Output.ts"
import { send } from "./commands/Send.ts"
import { sessions } from "./commands/Sessions.ts"
import { start } from "./commands/Start.ts"
import { status } from "./commands/Status.ts"
import { tail } from "./commands/Tail.ts"
import { token } from "./commands/Token.ts"
import { Writer } from "./terminal/Writer.ts"

const causeway = Command.make("causeway").pipe(
  Command.withDescription(
    `An actor-model gateway for AI agents. Start it, then talk to it from another terminal.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 69 no gateway answers, 77 the gateway refused the token, 130 ended by Ctrl-C.`,
  ),
  Command.withSubcommands([
    start,
    { group: "Talk", commands: [chat, send, sessions] },
    { group: "Arrange", commands: [agents, bindings, memory] },
    { group: "Operate", commands: [status, tail, connections, devices, token, doctor, call] },
  ]),
)

/** Writes a text of this program with its colours. `run` makes a line of the defect that a failed write is here. */
const writeOwn = (text: string): Effect.Effect<void> =>
  Effect.flatMap(Writer, (writer) => Effect.orDie(writer.write("stdout", `${text}\n`)))

/** A wrong command line gets one line that says so. The whole help is one flag away. */
const presenter: CliOutput.Presenter = {
  present: Effect.fnUntraced(function* (event) {
    if (event._tag === "InvalidInvocation") {
      const command = event.commandPath.join(" ")
      return yield* note(line(`${command}: ${event.errors.map(sentence).join("; ")} Try: ${command} --help`))
    }
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    const format = CliOutput.defaultFormatter({ colors: canColor })
    yield* writeOwn(
      event._tag === "Help" ? format.formatHelpDoc(event.helpDoc) : format.formatVersion(event.name, event.version),
    )
  }),
}

/** As effect's own, which does not notice that its script was not written. */
const completions = GlobalFlag.Action({
  flag: GlobalFlag.Completions.flag,
  run: (shell, { command }) =>
    Option.isNone(shell)
      ? Effect.void
      : writeOwn(Completions.generate(command.name, shell.value, Completions.fromCommand(command))),
})

const settings = Layer.mergeAll(
  CliOutput.layerPresenter(presenter),
  // Without effect's own `--log-level`: that name is an option of the gateway.
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, completions] }),
)

/** Returns the problem and perhaps the names that were meant, on one line. */
const sentence = (error: CliError.CliError): string => {
  const problem = `${error.message.split("\n", 1)[0]}.`
  const meant = "suggestions" in error ? error.suggestions : []
  return meant.length === 0 ? problem : `${problem} Did you mean ${meant.join(" or ")}?`
}

/** Runs the command that the arguments give and returns how it ended. */
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
