/**
 * Reload: takes over from a configuration that was read again what can change while the gateway runs: the configured
 * token and the password. The log names everything else that differs.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import { Authenticator } from "../auth/Authenticator.ts"
import { Connections } from "../connections/Connections.ts"
import { Logs } from "../logs/Logs.ts"
import { GatewayToken } from "../auth/GatewayToken.ts"
import { checkSecrets } from "../auth/SecretStrength.ts"

/** Closes what came in by a secret that is no longer valid. Fails, and changes nothing, if a new secret is too short. */
export const reload = Effect.fn("Reload.reload")(function* (next: GatewaySettings) {
  const started = yield* GatewayConfig
  const authenticator = yield* Authenticator
  const connections = yield* Connections
  const logs = yield* Logs
  const token = yield* GatewayToken
  yield* checkSecrets(started.host, next)
  if (next.password !== undefined) logs.hide(next.password)
  token.replace(next.token)
  if (authenticator.replacePassword(next.password)) {
    connections.closeAll(({ kind }) => kind === "password", "the password was changed")
    yield* Effect.logInfo("the password was changed: connections that the old one opened are closed")
  }
  const waiting = differing(started, next).filter((option) => option !== "password")
  yield* Effect.logInfo(
    waiting.length === 0
      ? "the configuration was reloaded"
      : `the configuration was reloaded; the next start takes over: ${waiting.join(", ")}`,
  )
})

type Tree = { readonly [name: string]: unknown }

const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !Redacted.isRedacted(value)

/** The options, as `limits.calls`, that have another value. Secrets differ only where one was added or left out. */
const differing = (before: Tree, after: Tree, path: ReadonlyArray<string> = []): ReadonlyArray<string> =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) => {
    const [old, now] = [before[name], after[name]]
    if (isTree(old) && isTree(now)) return differing(old, now, [...path, name])
    const isSame =
      Redacted.isRedacted(old) && Redacted.isRedacted(now) ? true : JSON.stringify(old) === JSON.stringify(now)
    return isSame ? [] : [[...path, name].join(".")]
  })
