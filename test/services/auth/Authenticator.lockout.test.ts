import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import type { GatewayOptions } from "../../../src/domain/GatewayConfig.ts"
import { Authenticator } from "../../../src/services/auth/Authenticator.ts"
import { Pairings } from "../../../src/services/auth/Pairings.ts"
import { signIn, remote, local, layer, layerOf, phone, failureOf, secret } from "../../support/Authentication.ts"

/** A token of 256 bits, like those that the gateway makes. */
const STRONG = "k3Jx0pYQm1Z8sVwR5tUaLbCdEfGhIjKlMnOpQrStUvW"

const wrong = secret("wrong")
const password = secret("the-password")

const gateway = (options: GatewayOptions = {}) =>
  layer({ ...options, limits: { authFailures: 2, authFailureDelayMs: 0, ...options.limits } })

const strongGateway = gateway({ token: STRONG })

const bearer = (token: string, address = remote.remoteAddress) =>
  Effect.flatMap(Authenticator, (authenticator) => authenticator.authenticate(secret(token), address))

const lockedOut = { _tag: "Unauthenticated", reason: "locked-out" }

/** Runs an effect that fails twice, which locks the network out. */
const twice = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.andThen(failureOf(effect), failureOf(effect))

/** Pairs the phone from this machine and returns its token. */
const pairedBy = (token: string) =>
  Effect.map(
    signIn({ token: secret(token), device: phone, scopes: ["operator.read"] }, local),
    ({ issued }) => issued!.token,
  )

describe("Authenticator, lockout", () => {
  it.effect("A token of 256 bits is accepted from a network that is locked out.", () =>
    Effect.gen(function* () {
      yield* twice(bearer("wrong"))
      yield* twice(signIn({ password: wrong }, remote))
      expect(yield* failureOf(bearer("wrong"))).toMatchObject(lockedOut)
      expect((yield* bearer(STRONG)).kind).toBe("token")
      expect((yield* signIn({ token: secret(STRONG) }, remote)).principal.kind).toBe("token")
      expect((yield* signIn({ password: secret(STRONG) }, remote)).principal.kind).toBe("token")
    }).pipe(Effect.provide(strongGateway)),
  )

  it.effect("A lockout applies to a token of 31 characters, not to one of 32.", () =>
    Effect.gen(function* () {
      for (const [length, isLocked] of [
        [32, false],
        [31, true],
      ] as const) {
        const token = STRONG.slice(0, length)
        yield* Effect.gen(function* () {
          yield* twice(bearer("wrong"))
          const right = yield* Effect.exit(bearer(token))
          expect([length, right._tag]).toEqual([length, isLocked ? "Failure" : "Success"])
        }).pipe(Effect.provide(gateway({ token })))
      }
    }),
  )

  it.effect("A device with its own token is accepted from a network that is locked out.", () =>
    Effect.gen(function* () {
      const deviceToken = yield* pairedBy("the-token")
      yield* twice(signIn({ token: wrong, password: wrong }, remote))
      for (const credentials of [{ deviceToken }, { token: deviceToken }, { token: wrong, deviceToken }]) {
        const { principal } = yield* signIn({ ...credentials, device: phone, scopes: ["operator.read"] }, remote)
        expect(principal).toMatchObject({ kind: "device", deviceId: "d1" })
      }
    }).pipe(Effect.provide(gateway())),
  )

  it.effect("Wrong tokens lock out short tokens, and wrong passwords lock out passwords.", () =>
    Effect.gen(function* () {
      yield* twice(signIn({ token: wrong }, remote))
      expect(yield* failureOf(signIn({ token: secret("the-token") }, remote))).toMatchObject(lockedOut)
      expect((yield* signIn({ password }, remote)).principal.kind).toBe("password")
      yield* TestClock.adjust("1 minute")
      yield* twice(signIn({ password: wrong }, remote))
      expect(yield* failureOf(signIn({ password }, remote))).toMatchObject(lockedOut)
      expect((yield* signIn({ token: secret("the-token") }, remote)).principal.kind).toBe("token")
    }).pipe(Effect.provide(gateway())),
  )

  it.effect("A right and a wrong secret get the same answer during a lockout.", () =>
    Effect.gen(function* () {
      yield* twice(signIn({ token: wrong, password: wrong }, remote))
      const answers = yield* Effect.forEach([secret("the-token"), password, wrong], (token) =>
        failureOf(signIn({ token }, remote)),
      )
      expect(new Set(answers.map((answer) => Object.keys(answer).join())).size).toBe(1)
      for (const answer of answers) expect(answer).toMatchObject(lockedOut)
    }).pipe(Effect.provide(gateway())),
  )

  it.effect("The success of a token or of a device does not reset the failures of a password.", () =>
    Effect.gen(function* () {
      const deviceToken = yield* pairedBy(STRONG)
      yield* failureOf(signIn({ password: wrong }, remote))
      yield* bearer(STRONG)
      yield* signIn({ token: secret(STRONG) }, remote)
      yield* signIn({ deviceToken, device: phone }, remote)
      yield* failureOf(signIn({ password: wrong }, remote))
      expect(yield* failureOf(signIn({ password }, remote))).toMatchObject(lockedOut)
    }).pipe(Effect.provide(strongGateway)),
  )

  it.effect("The success of a password resets the failures of passwords.", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 5; i++) {
        expect(yield* failureOf(signIn({ password: wrong }, remote))).toMatchObject({ reason: "invalid" })
        expect((yield* signIn({ password }, remote)).principal.kind).toBe("password")
      }
    }).pipe(Effect.provide(gateway())),
  )

  it.effect("A wrong token beside a wrong password counts, and the password counts too.", () =>
    Effect.gen(function* () {
      yield* twice(signIn({ deviceToken: wrong, token: wrong, password: wrong, device: phone }, remote))
      expect(yield* failureOf(signIn({ password }, remote))).toMatchObject(lockedOut)
      expect(yield* failureOf(signIn({ token: secret("the-token") }, remote))).toMatchObject(lockedOut)
    }).pipe(Effect.provide(gateway())),
  )

  it.effect("A paired device cannot guess the password beside its own token.", () =>
    Effect.gen(function* () {
      const deviceToken = yield* pairedBy("the-token")
      const guess = (text: string, scopes: ReadonlyArray<"operator.read" | "operator.admin">) =>
        signIn({ deviceToken, password: secret(text), device: phone, scopes }, remote)
      for (const text of ["wrong", "the-password"]) {
        expect((yield* guess(text, ["operator.read"])).principal.kind).toBe("device")
      }
      for (let i = 0; i < 2; i++) {
        expect(yield* failureOf(guess("wrong", ["operator.admin"]))).toMatchObject({ _tag: "ScopesNotGranted" })
      }
      expect(yield* failureOf(guess("the-password", ["operator.admin"]))).toMatchObject({ _tag: "ScopesNotGranted" })
      expect(yield* failureOf(signIn({ password }, remote))).toMatchObject(lockedOut)
    }).pipe(Effect.provide(gateway())),
  )

  it.effect("A device that requests more than its token grants gets it with the right password.", () =>
    Effect.gen(function* () {
      const deviceToken = yield* pairedBy("the-token")
      const { principal } = yield* signIn({ deviceToken, password, device: phone, scopes: ["operator.admin"] }, local)
      expect(principal).toMatchObject({ kind: "password", scopes: ["operator.admin"] })
      expect(yield* (yield* Pairings).requests).toEqual([])
    }).pipe(Effect.provide(gateway())),
  )

  it.effect("A gateway whose secrets nobody can guess never locks out, and delays wrong tokens.", () =>
    Effect.gen(function* () {
      const attempts = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 20 }), () => Effect.flip(bearer("wrong"))),
      )
      // 250 ms, 500 ms, ... 2 s, and then 2 s each.
      yield* TestClock.adjust("32999 millis")
      expect(attempts.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 millis")
      for (const answer of yield* Fiber.join(attempts)) expect(answer).toMatchObject({ reason: "invalid" })
    }).pipe(Effect.provide(layerOf({ token: STRONG }))),
  )

  it.effect("An attacker with very many networks neither frees a guesser nor locks out others.", () =>
    Effect.gen(function* () {
      yield* twice(bearer("wrong"))
      const networks = Array.from({ length: 11_000 }, (_, n) => `10.1.${n >> 8}.${n & 255}`)
      yield* Effect.forEach(networks, (address) => Effect.ignore(bearer("wrong", address)), { discard: true })
      expect(yield* failureOf(bearer("the-token"))).toMatchObject(lockedOut)
      expect((yield* bearer("the-token", "192.0.2.1")).kind).toBe("token")
      yield* twice(bearer("wrong", "192.0.2.1"))
      expect(yield* failureOf(bearer("the-token", "192.0.2.1"))).toMatchObject(lockedOut)
    }).pipe(Effect.provide(gateway({ limits: { lockoutMs: 600_000 } }))),
  )
})
