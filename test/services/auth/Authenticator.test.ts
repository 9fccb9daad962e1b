import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { everyScope, type Scope } from "../../../src/domain/Principal.ts"
import { Authenticator } from "../../../src/services/auth/Authenticator.ts"
import { Devices } from "../../../src/services/auth/Devices.ts"
import { GatewayToken } from "../../../src/services/auth/GatewayToken.ts"
import { makeSecret } from "../../../src/services/auth/Secret.ts"
import { failureOf, layer, pairedDeviceToken, phone, remote, secret, signIn } from "../../support/Authentication.ts"

describe("Authenticator", () => {
  it.effect("A shared secret in any field authenticates with exactly the requested scopes.", () =>
    Effect.gen(function* () {
      const requested: ReadonlyArray<Scope> = ["operator.read", "operator.pairing"]
      for (const [credentials, kind] of [
        [{ token: secret("the-token") }, "token"],
        [{ password: secret("the-token") }, "token"],
        [{ token: secret("the-password") }, "password"],
        [{ token: secret("wrong"), password: secret("the-password") }, "password"],
      ] as const) {
        const { issued, principal } = yield* signIn({ ...credentials, scopes: requested }, remote)
        expect(principal).toEqual({ id: "operator", kind, role: "operator", scopes: requested })
        expect(issued).toBeUndefined()
      }
      const { principal } = yield* signIn({ token: secret("the-token") })
      expect(principal.scopes).toEqual(everyScope)
    }).pipe(Effect.provide(layer())),
  )

  it.effect("The answer to a token that cannot be guessed is there at once, and so is that to no token.", () =>
    Effect.gen(function* () {
      const { authenticate } = yield* Authenticator
      const { replace } = yield* GatewayToken
      const strong = secret(makeSecret())
      replace(strong)
      expect(Exit.isExit(authenticate(strong, "10.0.0.1"))).toBe(true)
      expect(Exit.isExit(authenticate(undefined, "10.0.0.1"))).toBe(true)
      expect(Exit.isExit(authenticate(secret("the-password"), "10.0.0.1"))).toBe(false)
      expect((yield* authenticate(strong, "10.0.0.1")).kind).toBe("token")
    }).pipe(Effect.provide(layer())),
  )

  it.effect("A secret with the line end of a file is accepted.", () =>
    Effect.gen(function* () {
      const { principal } = yield* signIn({ token: secret("the-token\n") })
      expect(principal.kind).toBe("token")
    }).pipe(Effect.provide(layer())),
  )

  it.effect("A replaced token or password is refused, and the new one is accepted.", () =>
    Effect.gen(function* () {
      const { replacePassword } = yield* Authenticator
      const token = yield* GatewayToken
      const password = secret("the-password")
      expect(replacePassword(password)).toBe(false)
      token.replace(secret("another-token"))
      expect((yield* signIn({ token: secret("another-token") })).principal.kind).toBe("token")
      expect(yield* failureOf(signIn({ token: secret("the-token") }))).toMatchObject({ reason: "invalid" })
      expect(replacePassword(undefined)).toBe(true)
      expect(yield* failureOf(signIn({ password }))).toMatchObject({ reason: "invalid" })
      expect(replacePassword(password)).toBe(false)
      expect((yield* signIn({ password })).principal.kind).toBe("password")
    }).pipe(Effect.provide(layer())),
  )

  it.effect("A node gets no operator scopes.", () =>
    Effect.gen(function* () {
      const { principal } = yield* signIn({ token: secret("the-token"), role: "node", scopes: ["operator.admin"] })
      expect(principal).toMatchObject({ role: "node", scopes: [] })
    }).pipe(Effect.provide(layer())),
  )

  it.effect(
    "Wrong credentials fail with their kind after a growing delay, and then with the rest of the lockout.",
    () =>
      Effect.gen(function* () {
        expect(yield* failureOf(signIn({}))).toMatchObject({ reason: "missing" })
        expect(yield* failureOf(signIn({ password: secret("x") }))).toMatchObject({
          reason: "invalid",
          credential: "password",
        })
        for (const credentials of [{ token: secret("x"), password: secret("x") }, { token: secret("x") }]) {
          expect(yield* failureOf(signIn(credentials))).toMatchObject({ credential: "token" })
        }
        expect(yield* failureOf(signIn({ token: secret("the-token") }))).toMatchObject({
          reason: "locked-out",
          retryAfterMs: 58_000,
        })
        expect((yield* signIn({ token: secret("the-token") }, remote)).principal.kind).toBe("token")
        yield* TestClock.adjust("1 minute")
        expect((yield* signIn({ token: secret("the-token") })).principal.kind).toBe("token")
      }).pipe(Effect.provide(layer({ limits: { authFailures: 2 } }))),
  )

  it.effect("A lockout ends if the clock is set back.", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("2 days")
      yield* failureOf(signIn({ token: secret("x") }))
      expect(yield* failureOf(signIn({ token: secret("the-token") }))).toMatchObject({ reason: "locked-out" })
      yield* TestClock.setTime(1_000)
      expect((yield* signIn({ token: secret("the-token") })).principal.kind).toBe("token")
    }).pipe(Effect.provide(layer({ limits: { authFailures: 1 } }))),
  )

  it.effect("A gateway with `auth: none` needs no secret and grants the requested scopes.", () =>
    Effect.gen(function* () {
      const { principal } = yield* signIn({ device: phone, scopes: ["operator.read"] })
      expect(principal).toEqual({
        id: "d1",
        deviceId: "d1",
        kind: "none",
        role: "operator",
        scopes: ["operator.read"],
      })
    }).pipe(Effect.provide(layer({ auth: "none" }))),
  )

  it.effect(
    "A device with the shared secret is paired on this machine at once, and then signs in with its token alone.",
    () =>
      Effect.gen(function* () {
        const first = yield* signIn({ token: secret("the-token"), device: phone, scopes: ["operator.read"] })
        expect(first.principal).toMatchObject({ kind: "token", id: "d1", deviceId: "d1", scopes: ["operator.read"] })
        const token = first.issued!.token
        expect(Redacted.value(token)).toMatch(/^[\w-]{43}$/)
        for (const credentials of [{ deviceToken: token }, { token }, { token: secret("stale"), deviceToken: token }]) {
          const back = yield* signIn({ ...credentials, device: phone, scopes: ["operator.read"] }, remote)
          expect(back.principal).toMatchObject({ kind: "device", id: "d1", scopes: ["operator.read"] })
          expect(Redacted.value(back.issued!.token)).toBe(Redacted.value(token))
        }
        const all = yield* signIn({ deviceToken: token, device: phone }, remote)
        expect(all.principal.scopes).toEqual(["operator.read"])
      }).pipe(Effect.provide(layer())),
  )

  it.effect("A device token authenticates its own device in its own role only.", () =>
    Effect.gen(function* () {
      const token = yield* pairedDeviceToken
      const other = { ...phone, deviceId: "d2" }
      yield* signIn({ token: secret("the-token"), device: other })
      expect(yield* failureOf(signIn({ deviceToken: token, device: other }))).toMatchObject({
        reason: "invalid",
        credential: "device-token",
      })
      expect(yield* failureOf(signIn({ deviceToken: token }))).toMatchObject({ credential: "device-token" })
      expect(yield* failureOf(signIn({ token, device: phone, role: "node" }))).toMatchObject({ credential: "token" })
    }).pipe(Effect.provide(layer())),
  )

  it.effect("A paired device that sends the shared secret again gets no new token, unless it has none.", () =>
    Effect.gen(function* () {
      yield* pairedDeviceToken
      const again = yield* signIn({ token: secret("the-token"), device: phone, scopes: ["operator.read"] }, remote)
      expect(again.issued).toBeUndefined()
      yield* Effect.flatMap(Devices, (devices) => devices.revoke({ deviceId: "d1", role: "operator" }, everyScope))
      const third = yield* signIn({ token: secret("the-token"), device: phone, scopes: ["operator.read"] }, remote)
      expect(third.issued).toBeDefined()
    }).pipe(Effect.provide(layer())),
  )
})
