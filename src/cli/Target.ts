/**
 * Target: which gateway a command talks to, and with which token. Without flags it is the one that `causeway start`
 * would start from the same configuration. The token of the state folder is for the gateway on this machine alone.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { GatewayClient } from "../client/GatewayClient.ts"
import { StartupError } from "../domain/StartupError.ts"
import { statePaths } from "../services/StateFolder.ts"
import { readToken } from "../services/TokenFile.ts"
import { CommandFailed, ExitCode } from "./ExitCode.ts"
import { loadConfig, type Sources } from "./LoadConfig.ts"
import { localUrl } from "./LocalUrl.ts"

/** From what a person types (`host:port`, `https://…`) to where the contract is served; undefined: it is no address. */
export const rpcUrl = (typed: string): URL | undefined => {
  const text = /^[a-z]+:\/\//i.test(typed) ? typed : `ws://${typed}`
  const url = URL.parse(text.replace(/^http/i, "ws"))
  if (url === null || !/^wss?:$/.test(url.protocol)) return undefined
  if (url.pathname === "/") url.pathname = "/rpc"
  return url
}

const isLoopback = (url: URL) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)

const resolve = Effect.fnUntraced(function* (flags: Sources["flags"]) {
  const settings = yield* loadConfig(flags)
  const typed = flags["url"] ?? localUrl(settings)
  const url = rpcUrl(typed)
  if (url === undefined) {
    return yield* new CommandFailed({
      problem: `${typed} is no address`,
      remedy: "write --url host:port or --url wss://host/rpc",
      exitCode: ExitCode.usage,
    })
  }
  const given = flags["token"] === undefined ? settings.token : Redacted.make(flags["token"])
  const kept = isLoopback(url) ? readToken(statePaths(settings.stateDir).tokenFile) : Effect.undefined
  return { url, token: given ?? (yield* Effect.orElseSucceed(kept, () => undefined)) }
})

/** A client of the target, connected. It keeps to it over drops; a gateway that is not there at first is a failure. */
export const layer = (flags: Sources["flags"]): Layer.Layer<GatewayClient, CommandFailed | StartupError> =>
  Layer.unwrap(
    Effect.map(resolve(flags), ({ url, token }) =>
      Layer.effectDiscard(reached(url)).pipe(Layer.provideMerge(GatewayClient.layer({ url: url.href, token }))),
    ),
  )

const reached = Effect.fnUntraced(function* (url: URL) {
  const client = yield* GatewayClient
  const settled = SubscriptionRef.changes(client.state).pipe(
    Stream.filter((state) => state._tag !== "Connecting"),
    Stream.runHead,
  )
  const state = (yield* settled).valueOrUndefined
  if (state?._tag === "Refused") {
    return yield* new CommandFailed({
      problem: `the gateway at ${url.host} refused the token`,
      remedy: "give its token by --token or GATEWAY_TOKEN, or its state folder by --state-dir",
      exitCode: ExitCode.refused,
    })
  }
  if (state?._tag === "Waiting") {
    return yield* new CommandFailed({
      problem: `no gateway answers at ${url.host}`,
      remedy: "start one with `causeway start`, or give its address by --url",
      exitCode: ExitCode.unreachable,
    })
  }
})
