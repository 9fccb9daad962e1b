/**
 * Target: connects a command to the gateway that its flags name. Without flags, it is the gateway that `causeway start`
 * would run with the same configuration. Only a gateway on this machine gets the token of the state folder. Every
 * command that calls methods uses it.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { Waiting } from "../../client/ConnectionStates.ts"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { gatewayUrl } from "../../client/GatewayUrl.ts"
import { isLoopback } from "../../domain/Address.ts"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import { resolvePath, statePaths } from "../../services/storage/StateFolder.ts"
import { findToken } from "../../services/auth/TokenFile.ts"
import { connectionProblem, CONNECT_TIMEOUT_SECONDS } from "./ConnectionProblem.ts"
import { type CommandFailed, usageError } from "../terminal/ExitCode.ts"
import * as Flags from "./Flags.ts"
import { loadConfig, type Sources } from "../config/LoadConfig.ts"
import { localUrl } from "./LocalUrl.ts"
import { fingerprintOf, fingerprintOfFile } from "../../client/Fingerprint.ts"
import { faint, note } from "../terminal/Output.ts"
import { Writer } from "../terminal/Writer.ts"

export const flags = {
  url: Flags.text("url", "The address of the gateway, e.g. 127.0.0.1:18789 or wss://gateway.example.org/rpc."),
  token: Flags.text("token", "The token of the gateway. Default: GATEWAY_TOKEN, or the token in the state folder."),
  fingerprint: Flags.text(
    "fingerprint",
    "The SHA-256 fingerprint of the gateway's TLS certificate, if no authority has signed it. Default for the gateway on this machine: that of its certificate.",
  ),
  "state-dir": Flags.stateDir,
  config: Flags.config,
}

/** The flags of every command that connects to a gateway. */
type TargetFlags = Readonly<Record<keyof typeof flags, Option.Option<string>>>

/** Provides a command with a connection to the gateway that its flags name. */
export const connected = <const Name extends string, Input extends TargetFlags, ContextInput, E, R>(
  command: Command.Command<Name, Input, ContextInput, E, R>,
) =>
  Command.provide(command, ({ url, token, fingerprint, "state-dir": stateDir, config }) =>
    layer(Flags.given({ url, token, fingerprint, "state-dir": stateDir, config })),
  )

/** Returns the fingerprint of the configured certificate if the address is that of the gateway on this machine. */
const ownFingerprint = (settings: GatewaySettings, url: URL): string | undefined =>
  settings.tls.cert !== undefined && url.protocol === "wss:" && url.host === new URL(localUrl(settings)).host
    ? fingerprintOfFile(resolvePath(settings.tls.cert))
    : undefined

const resolve = Effect.fnUntraced(function* (flags: Sources["flags"]) {
  const settings = yield* loadConfig(flags)
  const address = flags["url"] ?? localUrl(settings)
  const url = gatewayUrl(address)
  if (url === undefined) {
    return yield* usageError(`invalid address "${address}"`, "write --url host:port or --url wss://host/rpc")
  }
  const pinned = flags["fingerprint"] ?? ownFingerprint(settings, url)
  const fingerprint = pinned === undefined ? undefined : fingerprintOf(pinned)
  if (pinned !== undefined && fingerprint === undefined) {
    return yield* usageError(
      "the fingerprint is not one of SHA-256",
      "write its 64 hexadecimal digits, with or without colons",
    )
  }
  if (fingerprint !== undefined && url.protocol !== "wss:") {
    return yield* usageError(
      `a fingerprint proves nothing at ${url.host}, which is an address without TLS`,
      "write --url wss://host:port, or leave out --fingerprint",
    )
  }
  const given = flags["token"] === undefined ? settings.token : Redacted.make(flags["token"])
  return {
    url,
    fingerprint,
    token: given ?? (isLoopback(url.hostname) ? yield* findToken(statePaths(settings.stateDir).tokenFile) : undefined),
  }
})

/** Builds a connected client. It reconnects after drops, but fails if the first connection fails. */
const layer = (flags: Sources["flags"]): Layer.Layer<GatewayClient, CommandFailed | StartupError> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { fingerprint, token, url } = yield* resolve(flags)
      // Node's built-in WebSocket hides the reason of a failed connection.
      const NodeWS = yield* Effect.promise(() => import("@effect/platform-node/NodeWS"))
      const sockets =
        fingerprint === undefined
          ? NodeWS.layerWebSocketConstructor
          : (yield* Effect.promise(() => import("../../client/PinnedWebSocket.ts"))).layer(fingerprint)
      return Layer.effectDiscard(Effect.andThen(awaitConnection(url), Effect.forkScoped(reportDrops))).pipe(
        Layer.provideMerge(GatewayClient.layerNoDeps({ url: url.href, token })),
        Layer.provide(sockets),
      )
    }),
  )

const waitReason = ({ code, reason }: Waiting): string => (code === undefined ? reason : `${reason} (${code})`)

/** Reports drops and reconnections at a terminal, so that the user knows why a command waits. */
const reportDrops = Effect.gen(function* () {
  const { isTerminal } = yield* Writer
  if (!isTerminal("stderr")) return
  const { state } = yield* GatewayClient
  let isDropped = false
  yield* Stream.runForEach(state.changes, (now) => {
    const message =
      now._tag === "Waiting" && !isDropped
        ? waitReason(now)
        : now._tag === "Connected" && isDropped
          ? "reconnected"
          : undefined
    isDropped = now._tag === "Waiting" || (isDropped && now._tag === "Connecting")
    return message === undefined ? Effect.void : note(faint(`[gateway: ${message}]`))
  })
})

const awaitConnection = Effect.fnUntraced(function* (url: URL) {
  const client = yield* GatewayClient
  const state = yield* client.state.changes.pipe(
    Stream.filter((state) => state._tag !== "Connecting"),
    Stream.runHead,
    Effect.map((head) => head.valueOrUndefined),
    Effect.timeoutOrElse({ duration: `${CONNECT_TIMEOUT_SECONDS} seconds`, orElse: () => Effect.undefined }),
  )
  if (state?._tag !== "Connected") return yield* connectionProblem(url, state)
})
