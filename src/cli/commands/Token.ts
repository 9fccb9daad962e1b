/**
 * `causeway token`: the secret of the gateway on this machine. It works on files: who may read the state folder may do
 * this, over no wire.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { statePaths } from "../../services/storage/StateFolder.ts"
import { readToken, rotateToken } from "../../services/auth/TokenFile.ts"
import { confirm } from "../terminal/Confirm.ts"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"
import * as Flags from "../client/Flags.ts"
import { loadConfig } from "../config/LoadConfig.ts"
import { note, show } from "../terminal/Output.ts"

const flags = { json: Flags.json, "state-dir": Flags.stateDir, config: Flags.config }

const showToken = Command.make(
  "show",
  flags,
  Effect.fnUntraced(function* ({ json, ...place }) {
    const { auth, stateDir, token } = yield* loadConfig(Flags.given(place))
    if (auth === "none") return yield* note("No token is needed (option `auth`).")
    const { tokenFile } = statePaths(stateDir)
    const secret = Redacted.value(token ?? (yield* readToken(tokenFile)))
    const source = token === undefined ? tokenFile : "configuration"
    yield* show(json, { token: secret, source }, () => secret)
  }),
).pipe(
  Command.withDescription("Write the gateway's token, and nothing else, to standard output."),
  Command.withExamples([
    { command: "GATEWAY_TOKEN=$(causeway token show) node my-client.js", description: "Give it to a program" },
  ]),
)

const rotate = Command.make(
  "rotate",
  { yes: Flags.yes, ...flags },
  Effect.fnUntraced(function* ({ json, yes, ...place }) {
    const { monitorIntervalMs, stateDir, token } = yield* loadConfig(Flags.given(place))
    const { tokenFile } = statePaths(stateDir)
    if (token !== undefined) {
      return yield* new CommandFailed({
        problem: "the token is configured, so it is not this command's to change",
        remedy: "change GATEWAY_TOKEN or the file where it is set, and start the gateway again",
        exitCode: ExitCode.failed,
      })
    }
    yield* readToken(tokenFile)
    yield* confirm("makes the present token worthless: clients that have it are shut out", yes)
    yield* rotateToken(tokenFile)
    const seconds = Math.ceil(monitorIntervalMs / 1_000)
    yield* show(json, { tokenFile }, () =>
      [
        `A new token is in ${tokenFile}; \`causeway token show\` writes it.`,
        `A gateway that runs asks for it from now on, and within ${seconds} s closes what came in by the old one.`,
      ].join("\n"),
    )
  }),
).pipe(
  Command.withDescription(
    "Make a new token. A gateway that runs asks for it at once, without a restart, and closes what came in by the old one. Devices that are paired keep their own tokens.",
  ),
  Command.withShortDescription("Make a new token; the old one is worthless at once."),
  Command.withExamples([{ command: "causeway token rotate --yes", description: "Without being asked" }]),
)

export const token = Command.make("token").pipe(
  Command.withDescription("Show or change the token of the gateway on this machine."),
  Command.withSubcommands([showToken, rotate]),
)
