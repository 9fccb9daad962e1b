import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { GatewayConfig, type GatewayOptions } from "../../../src/domain/GatewayConfig.ts"
import { GatewayToken } from "../../../src/services/auth/GatewayToken.ts"
import { ensureToken, rotateToken } from "../../../src/services/auth/TokenFile.ts"
import { StateFolder, statePaths } from "../../../src/services/storage/StateFolder.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import { emptyLog, secret } from "../../support/Authentication.ts"

/** Builds the service. Returns it with the texts that the log hides and a queue of the changes. */
const started = Effect.fnUntraced(function* (options: GatewayOptions, folder?: string) {
  const paths = statePaths(folder ?? (yield* temporaryFolder))
  const hidden = new Array<string>()
  const layer = GatewayToken.layer.pipe(
    Layer.provide(Layer.succeed(StateFolder, { ...paths, lost: Effect.never })),
    Layer.provide(emptyLog((secret) => void hidden.push(Redacted.value(secret)))),
    Layer.provide(GatewayConfig.layer(options)),
  )
  const token = Context.get(yield* Layer.build(layer), GatewayToken)
  const changes = yield* Queue.unbounded<string>()
  yield* token.changes.pipe(
    Stream.runForEach((next) => Queue.offer(changes, Redacted.value(next))),
    Effect.forkScoped({ startImmediately: true }),
  )
  const current = () => {
    const secret = token.current()
    return secret && Redacted.value(secret)
  }
  return { changes, current, hidden, tokenFile: paths.tokenFile, token }
})

describe("GatewayToken", () => {
  it.effect("The gateway uses the configured token, and the log hides it.", () =>
    Effect.gen(function* () {
      const { current, hidden } = yield* started({ token: "configured" })
      expect(current()).toBe("configured")
      expect(hidden).toEqual(["configured"])
    }),
  )

  it.effect("Without a configured token the gateway uses the token of the state folder, and the log hides it.", () =>
    Effect.gen(function* () {
      const { current, hidden, tokenFile } = yield* started({})
      const kept = Redacted.value(yield* ensureToken(tokenFile))
      expect(current()).toBe(kept)
      expect(hidden).toEqual([kept])
    }),
  )

  it.effect("A gateway with `auth: none` has no token, also after a reload.", () =>
    Effect.gen(function* () {
      const { current, token } = yield* started({ auth: "none", token: "configured" })
      expect(current()).toBeUndefined()
      token.replace(secret("another"))
      expect(current()).toBeUndefined()
    }),
  )

  it.effect("A reloaded token is in force and emitted at once, unless it is the same or missing.", () =>
    Effect.gen(function* () {
      const { changes, current, hidden, token } = yield* started({ token: "first" })
      token.replace(secret("first"))
      token.replace(undefined)
      expect(current()).toBe("first")
      token.replace(secret("second"))
      expect(current()).toBe("second")
      expect(yield* Queue.take(changes)).toBe("second")
      expect(hidden).toContain("second")
    }),
  )

  it.effect("The poller finds a rotated file without a sign-in.", () =>
    Effect.gen(function* () {
      const { changes, hidden, tokenFile } = yield* started({ monitorIntervalMs: 5_000 })
      const rotated = Redacted.value(yield* rotateToken(tokenFile))
      yield* TestClock.adjust("5 seconds")
      expect(yield* Queue.take(changes)).toBe(rotated)
      expect(hidden).toContain(rotated)
    }),
  )

  it.effect("A rotated file is in force for the next sign-in, and is emitted once.", () =>
    Effect.gen(function* () {
      const { changes, current, tokenFile } = yield* started({ monitorIntervalMs: 5_000 })
      const rotated = Redacted.value(yield* rotateToken(tokenFile))
      expect(current()).toBe(rotated)
      yield* TestClock.adjust("10 seconds")
      const again = Redacted.value(yield* rotateToken(tokenFile))
      yield* TestClock.adjust("10 seconds")
      expect([yield* Queue.take(changes), yield* Queue.take(changes)]).toEqual([rotated, again])
    }),
  )

  it.effect("A reloaded token does not replace the token of the state folder until the next start.", () =>
    Effect.gen(function* () {
      const { current, hidden, token } = yield* started({})
      const kept = current()
      token.replace(secret("configured"))
      expect(current()).toBe(kept)
      expect(hidden).toContain("configured")
    }),
  )
})
