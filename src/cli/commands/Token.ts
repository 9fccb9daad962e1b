/**
 * `causeway token`: shows or rotates the token of the gateway on this machine. It works on the state folder, without a
 * connection, so it needs only the right to read and write that folder.
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
    if (auth === "none") return yield* note("The gateway requires no token (option `auth`).")
    const { tokenFile } = statePaths(stateDir)
    const secret = Redacted.value(token ?? (yield* readToken(tokenFile)))
    const source = token === undefined ? tokenFile : "configuration"
    yield* show(json, { token: secret, source }, () => secret)
  }),
).pipe(
  Command.withDescription("Print the token of the gateway, and nothing else."),
  Command.withExamples([
    { command: "GATEWAY_TOKEN=$(causeway token show) node my-client.js", description: "Pass the token to a program" },
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
        problem: "the configuration sets the token, so this command cannot change it",
        remedy: "change GATEWAY_TOKEN or the file that sets it, and send SIGHUP to the gateway or restart it",
        exitCode: ExitCode.failed,
      })
    }
    yield* readToken(tokenFile)
    yield* confirm("revokes the current token: clients with it lose access", yes)
    yield* rotateToken(tokenFile)
    const seconds = Math.ceil(monitorIntervalMs / 1_000)
    yield* show(json, { tokenFile }, () =>
      [
        `Wrote a new token to ${tokenFile}. \`causeway token show\` prints it.`,
        `A running gateway requires it now and drops clients with the old token within ${seconds} s.`,
      ].join("\n"),
    )
  }),
).pipe(
  Command.withDescription(
    "Make a new token. A running gateway requires it at once, without a restart, and closes the connections that used the old one. Paired devices keep their own tokens.",
  ),
  Command.withShortDescription("Make a new token and revoke the old one."),
  Command.withExamples([{ command: "causeway token rotate --yes", description: "Skip the confirmation" }]),
)

export const token = Command.make("token").pipe(
  Command.withDescription("Show or change the token of the gateway on this machine."),
  Command.withSubcommands([showToken, rotate]),
)
