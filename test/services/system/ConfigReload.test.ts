import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { GatewayConfig, type GatewayOptions, GatewaySettings } from "../../../src/domain/GatewayConfig.ts"
import type { Principal } from "../../../src/domain/Principal.ts"
import { AgentRuntimes } from "../../../src/services/agents/AgentRuntimes.ts"
import { McpServers } from "../../../src/services/mcp/McpServers.ts"
import { ModelProviders } from "../../../src/services/models/ModelProviders.ts"
import * as ConfigReload from "../../../src/services/system/ConfigReload.ts"
import { connectionOfEachKind, emptyLog, failureOf, layerOf, secret, signIn } from "../../support/Authentication.ts"

const TOKEN = "the-first-token-of-all"
const PASSWORD = "the-first-password"

/** Runs a reload of a gateway with TOKEN and PASSWORD. Returns its log lines and the kinds of principals that it closes. */
const reloaded = Effect.fnUntraced(function* (options: GatewayOptions) {
  const lines = new Array<string>()
  const closed = new Array<Principal["kind"]>()
  const connections = connectionOfEachKind((kinds) => closed.push(...kinds))
  const providers = new Array<string>()
  const servers = new Array<string>()
  const models = Layer.mock(ModelProviders)({
    names: [],
    list: Effect.succeed([]),
    replace: (next) => Effect.sync(() => void providers.push(...Object.keys(next))),
  })
  const mcp = Layer.succeed(McpServers, {
    replace: (next) => Effect.sync(() => void servers.push(...Object.keys(next))),
  })
  const hidden = new Array<string>()
  const log = emptyLog((secret) => void hidden.push(Redacted.value(secret)))
  const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
  const next = yield* Schema.decodeEffect(GatewaySettings)(options)
  yield* ConfigReload.reload(next).pipe(
    Effect.provide([connections, models, mcp, log, Logger.layer([logger])]),
    Effect.ignore,
  )
  return { closed, hidden, lines, providers, servers }
})

const started = { token: TOKEN, password: PASSWORD }

const gateway = Layer.mergeAll(layerOf(started), AgentRuntimes.layer).pipe(
  Layer.provideMerge(GatewayConfig.layer(started)),
)

describe("ConfigReload", () => {
  it.effect("A reload puts new providers and servers in force, hides their secrets, and needs no restart.", () =>
    Effect.gen(function* () {
      const { hidden, lines, providers, servers } = yield* reloaded({
        ...started,
        providers: { fast: { baseUrl: "http://api.example.org/v1", apiKey: "sk-of-the-provider" } },
        mcp: { desk: { url: "https://mcp.example.org/mcp", headers: { authorization: "Bearer of-the-server" } } },
      })
      expect([providers, servers]).toEqual([["fast"], ["desk"]])
      expect(hidden).toEqual(expect.arrayContaining(["sk-of-the-provider", "Bearer of-the-server"]))
      expect(lines).toEqual([
        expect.stringContaining("providers.fast.baseUrl sends its key to api.example.org over plain http"),
        "the configuration was reloaded",
      ])
    }).pipe(Effect.provide(gateway)),
  )

  it.effect("A reload puts a new default model in force, and needs no restart.", () =>
    Effect.gen(function* () {
      const { lines } = yield* reloaded({ ...started, model: "fast/model-2" })
      expect((yield* AgentRuntimes).defaultModel()).toBe("fast/model-2")
      expect(lines).toEqual(["the configuration was reloaded"])
    }).pipe(Effect.provide(gateway)),
  )

  it.effect("A reload puts a new password in force and closes the connections of the old one.", () =>
    Effect.gen(function* () {
      const { closed } = yield* reloaded({ token: TOKEN, password: "the-second-password" })
      expect(closed).toEqual(["password"])
      expect((yield* signIn({ password: secret("the-second-password") })).principal.kind).toBe("password")
      expect(yield* failureOf(signIn({ password: secret(PASSWORD) }))).toMatchObject({ reason: "invalid" })
    }).pipe(Effect.provide(gateway)),
  )

  it.effect("A reload puts a new token in force.", () =>
    Effect.gen(function* () {
      yield* reloaded({ token: "the-second-token-of-all", password: PASSWORD })
      expect((yield* signIn({ token: secret("the-second-token-of-all") })).principal.kind).toBe("token")
      expect(yield* failureOf(signIn({ token: secret(TOKEN) }))).toMatchObject({ reason: "invalid" })
    }).pipe(Effect.provide(gateway)),
  )

  it.effect("The log names the options that wait for the next start.", () =>
    Effect.gen(function* () {
      const { closed, lines } = yield* reloaded({ ...started, logLevel: "debug", limits: { agents: 2 } })
      expect(closed).toEqual([])
      expect(lines).toEqual(["the configuration was reloaded; the next start takes over: logLevel, limits.agents"])
    }).pipe(Effect.provide(gateway)),
  )
})
