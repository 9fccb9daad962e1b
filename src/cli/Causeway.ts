/**
 * Causeway: the command line. Which commands there are, what they take and what their help teaches. What a command does
 * is loaded when it is given, so that none pays for the others' start.
 */
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import { VERSION } from "../domain/Version.ts"
import { configOptions } from "./ConfigOptions.ts"
import { ExitCode } from "./ExitCode.ts"
import { failureOf } from "./Failure.ts"

const text = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withDescription(description), Flag.optional)

const configFlag = text("config", "A YAML file with options; see docs/configuration.md.")

const startFlags: Record<string, Flag.Flag<Option.Option<string>>> = {
  config: configFlag,
  ...Object.fromEntries(
    configOptions.flatMap(({ flag, description, default: value }) =>
      flag === undefined
        ? []
        : [[flag, text(flag, value === undefined ? description : `${description} Default: ${value}.`)]],
    ),
  ),
}

const targetFlags = {
  url: text("url", "The gateway's address, e.g. 127.0.0.1:18789 or wss://gateway.example.org/rpc."),
  token: text("token", "The gateway's token. Left out: GATEWAY_TOKEN, or the one in the state folder."),
  "state-dir": text("state-dir", "The state folder of the gateway on this machine, where its token is."),
  config: configFlag,
}

const json = Flag.Boolean("json").pipe(Flag.withDescription("Write JSON for programs."), Flag.withDefault(false))

const given = (flags: Record<string, Option.Option<string>>): Record<string, string> => Record.getSomes(flags)

const start = Command.make(
  "start",
  startFlags,
  Effect.fnUntraced(function* (flags) {
    const { start } = yield* Effect.promise(() => import("./Start.ts"))
    yield* start(given(flags))
  }),
).pipe(
  Command.withDescription(
    "Start the gateway. It prints its address and what to try next; logs go to standard error. SIGTERM and Ctrl-C stop it: running work gets time to finish, what is left goes on at the next start. A second signal ends it at once.",
  ),
  Command.withShortDescription("Start the gateway."),
  Command.withExamples([
    { command: "causeway start", description: "Listen on 127.0.0.1:18789, keep everything in ~/.causeway" },
    { command: "causeway start --port 0 --state-dir ./state", description: "Any free port, another state folder" },
  ]),
)

const send = Command.make(
  "send",
  {
    ...targetFlags,
    session: text("session", "The session to send to. Left out: the main session of the agent."),
    agent: text("agent", "The agent to answer. Left out: the session's, or main."),
    json,
    text: Argument.String("text").pipe(Argument.withDescription("The message."), Argument.variadic({ min: 1 })),
  },
  Effect.fnUntraced(function* ({ session, agent, json, text, ...target }) {
    const [{ send }, Target] = yield* Effect.promise(() => Promise.all([import("./Send.ts"), import("./Target.ts")]))
    const message = {
      text: text.join(" "),
      ...(Option.isSome(session) && { sessionKey: session.value }),
      ...(Option.isSome(agent) && { agentId: agent.value }),
    }
    yield* send(message, json).pipe(Effect.provide(Target.layer(given(target))))
  }),
).pipe(
  Command.withDescription(
    "Send a message to an agent and write its reply as it comes. Ctrl-C ends the run. If the gateway restarts in the middle, the reply goes on where it was.",
  ),
  Command.withShortDescription("Send a message, read the reply as it comes."),
  Command.withExamples([
    { command: 'causeway send "hello"', description: "Talk to the main agent" },
    { command: 'causeway send --session work --json "hello"', description: "Each event as one line of JSON" },
  ]),
)

const status = Command.make(
  "status",
  { ...targetFlags, json },
  Effect.fnUntraced(function* ({ json, ...target }) {
    const [{ status }, Target] = yield* Effect.promise(() =>
      Promise.all([import("./Status.ts"), import("./Target.ts")]),
    )
    yield* status(json).pipe(Effect.provide(Target.layer(given(target))))
  }),
).pipe(
  Command.withDescription("Tell how a running gateway is and what it holds. Ends with 1 if it is not well."),
  Command.withShortDescription("Tell how a running gateway is."),
)

const causeway = Command.make("causeway").pipe(
  Command.withDescription(
    `An actor-model gateway for AI agents. Start it, then talk to it from another terminal.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 69 no gateway answers, 77 the gateway refused the token, 130 ended by Ctrl-C.`,
  ),
  Command.withSubcommands([start, send, status]),
)

/** A wrong command line gets the line that says so, not the whole help: that is one flag away. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
          `${event.commandPath.join(" ")}: ${event.errors.map(({ message }) => message.split("\n", 1)[0]).join("; ")}. Try: ${event.commandPath.join(" ")} --help`,
        )
      : CliOutput.defaultPresenter.present(event),
}

const settings = Layer.mergeAll(
  CliOutput.layerPresenter(presenter),
  // Without effect's own `--log-level`: that name is an option of the gateway.
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
)

/** Runs the command that the arguments give and tells how it ended. */
export const run = (args: ReadonlyArray<string>) =>
  Command.runWith(causeway, { version: VERSION })(args).pipe(
    Effect.as<ExitCode>(ExitCode.ok),
    Effect.catchIf(CliError.isCliError, (error) =>
      Effect.succeed(error._tag === "ShowHelp" && error.errors.length === 0 ? ExitCode.ok : ExitCode.usage),
    ),
    Effect.catchCause((cause) => {
      const { line, exitCode } = failureOf(cause)
      return Effect.as(line === "" ? Effect.void : Console.error(`causeway: ${line}`), exitCode)
    }),
    Effect.provide(settings),
  )
