/**
 * Target: which gateway a command talks to, and with which token. Without flags it is the one that `causeway start`
 * would start from the same configuration. The token of the state folder is for the gateway on this machine alone.
 */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { LOCKED_OUT } from "../client/ClientConnection.ts"
import { GatewayClient } from "../client/GatewayClient.ts"
import { gatewayUrl } from "../client/GatewayUrl.ts"
import type { StartupError } from "../domain/StartupError.ts"
import { statePaths } from "../services/StateFolder.ts"
import { findToken } from "../services/TokenFile.ts"
import { CommandFailed, ExitCode } from "./ExitCode.ts"
import * as Flags from "./Flags.ts"
import { loadConfig, type Sources } from "./LoadConfig.ts"
import { localUrl } from "./LocalUrl.ts"
import { faint } from "./Output.ts"

export const flags = {
  url: Flags.text("url", "The gateway's address, e.g. 127.0.0.1:18789 or wss://gateway.example.org/rpc."),
  token: Flags.text("token", "The gateway's token. Left out: GATEWAY_TOKEN, or the one in the state folder."),
  "state-dir": Flags.stateDir,
  config: Flags.config,
}

/** What a command that talks to a gateway is given beside its own flags. */
type Given = Readonly<Record<keyof typeof flags, Option.Option<string>>>

/** Gives a command the connection to the gateway that its flags name. */
export const connected = <const Name extends string, Input extends Given, ContextInput, E, R>(
  command: Command.Command<Name, Input, ContextInput, E, R>,
) =>
  Command.provide(command, ({ url, token, "state-dir": stateDir, config }) =>
    layer(Flags.given({ url, token, "state-dir": stateDir, config })),
  )

const isLoopback = (url: URL) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)

const resolve = Effect.fnUntraced(function* (flags: Sources["flags"]) {
  const settings = yield* loadConfig(flags)
  const typed = flags["url"] ?? localUrl(settings)
  const url = gatewayUrl(typed)
  if (url === undefined) {
    return yield* new CommandFailed({
      problem: `${typed} is no address`,
      remedy: "write --url host:port or --url wss://host/rpc",
      exitCode: ExitCode.usage,
    })
  }
  const given = flags["token"] === undefined ? settings.token : Redacted.make(flags["token"])
  return {
    url,
    token: given ?? (isLoopback(url) ? yield* findToken(statePaths(settings.stateDir).tokenFile) : undefined),
  }
})

/** A client of the target, connected. It keeps to it over drops; a gateway that is not there at first is a failure. */
const layer = (flags: Sources["flags"]): Layer.Layer<GatewayClient, CommandFailed | StartupError, Stdio.Stdio> =>
  Layer.unwrap(
    Effect.map(resolve(flags), ({ url, token }) =>
      Layer.effectDiscard(Effect.andThen(reached(url), Effect.forkScoped(tellOfDrops))).pipe(
        Layer.provideMerge(GatewayClient.layer({ url: url.href, token })),
      ),
    ),
  )

/** Whoever looks at a command that waits shall know what it waits for. */
const tellOfDrops = Effect.gen(function* () {
  const { stderrIsTerminal } = yield* Stdio.Stdio
  if (!(yield* stderrIsTerminal)) return
  const { state } = yield* GatewayClient
  let away = false
  yield* Stream.runForEach(state.changes, (now) => {
    const news = now._tag === "Waiting" && !away ? now.reason : now._tag === "Connected" && away ? "back" : undefined
    away = now._tag === "Waiting" || (away && now._tag === "Connecting")
    return news === undefined ? Effect.void : Console.error(faint(`[the gateway: ${news}]`, process.stderr))
  })
})

/** How long a gateway may take to answer at first: a network that swallows what is sent would not say so for minutes. */
const PATIENCE = "10 seconds"

const reached = Effect.fnUntraced(function* (url: URL) {
  const client = yield* GatewayClient
  const settled = client.state.changes.pipe(
    Stream.filter((state) => state._tag !== "Connecting"),
    Stream.runHead,
    Effect.map((head) => head.valueOrUndefined),
    Effect.timeoutOrElse({ duration: PATIENCE, orElse: () => Effect.undefined }),
  )
  const state = yield* settled
  if (state?._tag === "Refused") {
    return yield* new CommandFailed({
      problem: `the gateway at ${url.host} refused the token`,
      remedy: "give its token by --token or GATEWAY_TOKEN, or its state folder by --state-dir",
      exitCode: ExitCode.refused,
    })
  }
  if (state?._tag === "Waiting" && state.reason.endsWith(LOCKED_OUT)) {
    return yield* new CommandFailed({
      problem: `the gateway at ${url.host} lets nobody in from here for now, because ${LOCKED_OUT}`,
      remedy: "find the program that has a wrong one, wait a minute and try again",
      exitCode: ExitCode.refused,
    })
  }
  // Something is there. It said why it does not go on, e.g. that nobody speaks the contract at this path.
  if (state?._tag === "Waiting" && state.reason.startsWith("closed")) {
    return yield* new CommandFailed({
      problem: `the connection to ${url.href} was ${state.reason}`,
      remedy: "give a gateway's address without a path, or try again if it is just starting or stopping",
      exitCode: ExitCode.unreachable,
    })
  }
  if (state?._tag !== "Connected") {
    return yield* new CommandFailed({
      problem: `no gateway answers at ${url.host}`,
      remedy: "start one with `causeway start`, or give its address by --url",
      exitCode: ExitCode.unreachable,
    })
  }
})
