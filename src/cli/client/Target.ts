/**
 * Target: which gateway a command talks to, and with which token. Without flags it is the one that `causeway start`
 * would start from the same configuration. The token of the state folder is for the gateway on this machine alone.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { ConnectionState } from "../../client/ConnectionStates.ts"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { gatewayUrl } from "../../client/GatewayUrl.ts"
import { isLoopback } from "../../domain/Address.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import { statePaths } from "../../services/storage/StateFolder.ts"
import { findToken } from "../../services/auth/TokenFile.ts"
import { connectionProblem, PATIENCE_SECONDS } from "./ConnectionProblem.ts"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"
import * as Flags from "./Flags.ts"
import { loadConfig, type Sources } from "../config/LoadConfig.ts"
import { localUrl } from "./LocalUrl.ts"
import { faint, note } from "../terminal/Output.ts"
import { Writer } from "../terminal/Writer.ts"

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
    token: given ?? (isLoopback(url.hostname) ? yield* findToken(statePaths(settings.stateDir).tokenFile) : undefined),
  }
})

/** A client that is connected, and comes back after drops. A gateway that is not there at first is a failure. */
const layer = (flags: Sources["flags"]): Layer.Layer<GatewayClient, CommandFailed | StartupError> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { token, url } = yield* resolve(flags)
      // Node's own WebSocket does not say why a connection fails.
      const NodeWS = yield* Effect.promise(() => import("@effect/platform-node/NodeWS"))
      return Layer.effectDiscard(Effect.andThen(reached(url), Effect.forkScoped(tellOfDrops))).pipe(
        Layer.provideMerge(GatewayClient.layerNoDeps({ url: url.href, token })),
        Layer.provide(NodeWS.layerWebSocketConstructor),
      )
    }),
  )

const waitReason = ({ code, reason }: Extract<ConnectionState, { readonly _tag: "Waiting" }>): string =>
  code === undefined ? reason : `${reason} (${code})`

/** Tells the person at a terminal why a command waits. */
const tellOfDrops = Effect.gen(function* () {
  const { isTerminal } = yield* Writer
  if (!isTerminal("stderr")) return
  const { state } = yield* GatewayClient
  let away = false
  yield* Stream.runForEach(state.changes, (now) => {
    const news =
      now._tag === "Waiting" && !away ? waitReason(now) : now._tag === "Connected" && away ? "back" : undefined
    away = now._tag === "Waiting" || (away && now._tag === "Connecting")
    return news === undefined ? Effect.void : note(faint(`[the gateway: ${news}]`))
  })
})

const reached = Effect.fnUntraced(function* (url: URL) {
  const client = yield* GatewayClient
  const state = yield* client.state.changes.pipe(
    Stream.filter((state) => state._tag !== "Connecting"),
    Stream.runHead,
    Effect.map((head) => head.valueOrUndefined),
    Effect.timeoutOrElse({ duration: `${PATIENCE_SECONDS} seconds`, orElse: () => Effect.undefined }),
  )
  if (state?._tag !== "Connected") return yield* connectionProblem(url, state)
})
