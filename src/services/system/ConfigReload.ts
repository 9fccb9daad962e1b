/**
 * ConfigReload: puts the token, the password, the model providers, the default model and the MCP servers of a reloaded
 * configuration in force while the gateway runs. Serve calls it on SIGHUP. The log names the other options that differ, which
 * wait for the next start.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import { AgentRuntimes } from "../agents/AgentRuntimes.ts"
import { Authenticator } from "../auth/Authenticator.ts"
import { Connections } from "../connections/Connections.ts"
import { Logs, secretsIn } from "../logs/Logs.ts"
import { McpServers } from "../mcp/McpServers.ts"
import { ModelProviders } from "../models/ModelProviders.ts"
import { GatewayToken } from "../auth/GatewayToken.ts"
import { checkSecrets } from "../auth/SecretStrength.ts"
import { warnOfClearText } from "./ClearTextSecrets.ts"

/** Options that a reload puts in force, so that no restart is needed. The token has its own place: see GatewayToken. */
const inForce = ["mcp", "model", "password", "providers"]

/**
 * Takes over the secrets, the providers and the servers, and closes the connections that an old secret opened. Fails with
 * StartupError and changes nothing if a new secret is too short.
 */
export const reload = Effect.fn("ConfigReload.reload")(function* (next: GatewaySettings) {
  const started = yield* GatewayConfig
  const authenticator = yield* Authenticator
  const connections = yield* Connections
  const logs = yield* Logs
  const token = yield* GatewayToken
  const providers = yield* ModelProviders
  const runtimes = yield* AgentRuntimes
  yield* checkSecrets(started.host, next)
  yield* warnOfClearText(next)
  for (const secret of secretsIn(next)) logs.hide(secret)
  token.replace(next.token)
  if (authenticator.replacePassword(next.password)) {
    connections.closeRevoked(({ kind }) => kind === "password", "the password was changed")
    yield* Effect.logInfo("the password was changed: connections that the old one opened are closed")
  }
  yield* providers.replace(next.providers)
  runtimes.reload(next)
  // An embedding program may have replaced the tools of the gateway by others.
  const servers = yield* Effect.serviceOption(McpServers)
  if (Option.isSome(servers)) yield* servers.value.replace(next.mcp)
  const atNextStart = changedOptions(started, next).filter((option) => !inForce.some((name) => isWithin(option, name)))
  yield* Effect.logInfo(
    atNextStart.length === 0
      ? "the configuration was reloaded"
      : `the configuration was reloaded; the next start takes over: ${atNextStart.join(", ")}`,
  )
})

const isWithin = (option: string, name: string): boolean => option === name || option.startsWith(`${name}.`)

type OptionTree = { readonly [name: string]: unknown }

const isOptionTree = (value: unknown): value is OptionTree =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !Redacted.isRedacted(value)

/** Returns the options that differ, as `limits.calls`. Two secrets count as equal, because their values are hidden. */
const changedOptions = (
  before: OptionTree,
  after: OptionTree,
  path: ReadonlyArray<string> = [],
): ReadonlyArray<string> =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) => {
    const [old, now] = [before[name], after[name]]
    if (isOptionTree(old) && isOptionTree(now)) return changedOptions(old, now, [...path, name])
    const isSame =
      Redacted.isRedacted(old) && Redacted.isRedacted(now) ? true : JSON.stringify(old) === JSON.stringify(now)
    return isSame ? [] : [[...path, name].join(".")]
  })
