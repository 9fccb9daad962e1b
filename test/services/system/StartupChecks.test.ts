import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { GatewayConfig, type GatewayOptions } from "../../../src/domain/GatewayConfig.ts"
import { AgentRuntimes } from "../../../src/services/agents/AgentRuntimes.ts"
import * as EchoRuntime from "../../../src/services/agents/EchoRuntime.ts"
import { GatewayToken } from "../../../src/services/auth/GatewayToken.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import { Storage } from "../../../src/services/storage/Storage.ts"
import * as StartupChecks from "../../../src/services/system/StartupChecks.ts"
import { secret } from "../../support/Authentication.ts"

/** Runs the checks of a gateway whose newest event is at `newestAt`. Returns the warnings that it logs. */
const check = Effect.fnUntraced(function* (options: GatewayOptions, newestAt = 0) {
  const warnings = new Array<string>()
  const logger = Logger.make<unknown, void>(({ message }) => void warnings.push(String(message)))
  const token = Layer.succeed(GatewayToken, {
    current: () => (options.token === undefined ? undefined : secret(options.token)),
    changes: Stream.never,
    replace: () => {},
  })
  const parts = Layer.mergeAll(
    EchoRuntime.layer.pipe(Layer.provideMerge(AgentRuntimes.layer)),
    Database.layerMemory,
    token,
    Logger.layer([logger]),
  ).pipe(Layer.provideMerge(GatewayConfig.layer(options)))
  yield* Effect.gen(function* () {
    const storage = yield* Storage
    const used = Layer.succeed(Storage, { ...storage, newest: { number: 1, at: newestAt } })
    yield* Layer.build(Layer.provide(Layer.fresh(StartupChecks.layer), used))
  }).pipe(Effect.provide(parts))
  return warnings
})

const strong = { token: "a-token-of-32-characters-or-more-" }

describe("StartupChecks", () => {
  it.effect("A sound configuration starts without a warning.", () =>
    Effect.gen(function* () {
      expect(yield* check(strong)).toEqual([])
    }),
  )

  it.effect("An unknown runtime fails the start with the names of the known ones.", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(check({ ...strong, runtime: "parrot" }))).toMatchObject({
        problem: "there is no runtime parrot",
        remedy: "set the option runtime to one of these: echo",
      })
    }),
  )

  it.effect("A clock more than a minute behind the newest event fails the start, unless `clock` is `any`.", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000_000)
      expect(yield* check(strong, 1_060_000)).toEqual([])
      expect(yield* Effect.flip(check(strong, 1_061_000))).toMatchObject({
        problem: expect.stringContaining("behind the newest event"),
      })
      expect(yield* check({ ...strong, clock: "any" }, 1_061_000)).toEqual([])
    }),
  )

  it.effect("A short token is a warning on loopback and fails the start elsewhere.", () =>
    Effect.gen(function* () {
      expect(yield* check({ token: "short" })).toEqual([expect.stringContaining("the token has 5 characters")])
      expect(yield* Effect.flip(check({ token: "short", host: "0.0.0.0" }))).toMatchObject({
        problem: expect.stringContaining("other machines reach 0.0.0.0"),
      })
    }),
  )

  it.effect("A key that goes to the internet over plain http is a warning.", () =>
    Effect.gen(function* () {
      const providers = { fast: { baseUrl: "http://api.example.org/v1", apiKey: "sk-of-the-provider" } }
      expect(yield* check({ ...strong, providers })).toEqual([
        "providers.fast.baseUrl sends its key to api.example.org over plain http, which others on the way can read: " +
          "use an https address in providers.fast.baseUrl",
      ])
    }),
  )
})
