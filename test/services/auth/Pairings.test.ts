import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { firstMissing } from "../../../src/domain/Device.ts"
import { everyScope, Scope } from "../../../src/domain/Principal.ts"
import { Devices } from "../../../src/services/auth/Devices.ts"
import { Pairings } from "../../../src/services/auth/Pairings.ts"
import {
  failureOf,
  signIn,
  remote,
  layer,
  pairedDeviceToken,
  phone,
  secret,
  publishedDuring,
} from "../../support/Authentication.ts"

/** Requests scopes from another machine, and returns the error `PairingRequired`. */
const requestScopes = (...scopes: ReadonlyArray<Scope>) =>
  Effect.flip(signIn({ token: secret("the-token"), device: phone, scopes }, remote))

const waiting = Effect.flatMap(Pairings, ({ requests }) => requests)

const operator = { deviceId: "d1", role: "operator" } as const

describe("Pairings", () => {
  it.effect("An operator who has seen a request for read cannot grant admin by its id.", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      yield* requestScopes("operator.read")
      const [seen] = yield* waiting
      yield* requestScopes("operator.read", "operator.admin")
      const [wider] = yield* waiting
      expect(wider!.requestId).not.toBe(seen!.requestId)
      expect(yield* Effect.flip(pairings.approve(seen!.requestId, everyScope))).toMatchObject({
        _tag: "PairingNotFound",
        requestId: seen!.requestId,
        supersededBy: wider!.requestId,
      })
      expect(yield* Effect.flip(pairings.reject(seen!.requestId, everyScope))).toMatchObject({
        supersededBy: wider!.requestId,
      })
      expect((yield* Devices).all()).toEqual([])
    }).pipe(Effect.provide(layer())),
  )

  it.effect("Events report that a wider request superseded the one that an operator saw.", () =>
    Effect.gen(function* () {
      const events = yield* publishedDuring(
        Effect.andThen(requestScopes("operator.read"), requestScopes("operator.admin")),
      )
      const [first] = events as ReadonlyArray<any>
      expect(events).toMatchObject([
        { _tag: "PairingRequested", request: { scopes: ["operator.read"], supersedes: null } },
        { _tag: "PairingResolved", requestId: first.request.requestId, decision: "superseded" },
        { _tag: "PairingRequested", request: { scopes: ["operator.admin"], supersedes: first.request.requestId } },
      ])
    }).pipe(Effect.provide(layer())),
  )

  it.effect("A request with other scopes than expected is not granted and still waits.", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      yield* requestScopes("operator.read", "operator.write")
      const [{ requestId } = { requestId: "" }] = yield* waiting
      for (const expected of [[], ["operator.read"], [...everyScope]] as ReadonlyArray<ReadonlyArray<Scope>>) {
        expect(yield* Effect.flip(pairings.approve(requestId, everyScope, expected))).toMatchObject({
          _tag: "PairingScopesDiffer",
          requestedScopes: ["operator.read", "operator.write"],
          expectedScopes: expected,
        })
      }
      expect(yield* waiting).toHaveLength(1)
      const approval = yield* pairings.approve(requestId, everyScope, ["operator.write", "operator.read"])
      expect(approval).toMatchObject({
        deviceId: "d1",
        granted: { role: "operator", scopes: ["operator.read", "operator.write"] },
      })
    }).pipe(Effect.provide(layer())),
  )

  it.effect("An approval returns the scopes that it granted, not all scopes of the device.", () =>
    Effect.gen(function* () {
      yield* pairedDeviceToken
      yield* requestScopes("operator.talk")
      const [request] = yield* waiting
      const approval = yield* (yield* Pairings).approve(request!.requestId, everyScope)
      expect(approval.granted).toEqual({ role: "operator", scopes: ["operator.talk"] })
      expect(approval.grants).toMatchObject([{ scopes: ["operator.read", "operator.talk"] }])
    }).pipe(Effect.provide(layer())),
  )

  it.effect("Of two simultaneous decisions only the first counts.", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      yield* requestScopes("operator.read")
      const [request] = yield* waiting
      const first = yield* Effect.forkChild(pairings.approve(request!.requestId, everyScope), {
        startImmediately: true,
      })
      expect(yield* Effect.flip(pairings.reject(request!.requestId, everyScope))).toMatchObject({
        _tag: "PairingNotFound",
      })
      expect(yield* Fiber.join(first)).toMatchObject({ deviceId: "d1" })
      expect(yield* waiting).toEqual([])
    }).pipe(Effect.provide(layer())),
  )

  it.effect("A device leaves no request behind after it is removed or authorized on this machine.", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      yield* requestScopes("operator.read")
      const events = yield* publishedDuring(pairedDeviceToken)
      expect(events).toMatchObject([{ _tag: "DeviceChanged" }, { _tag: "PairingResolved", decision: "approved" }])
      yield* requestScopes("operator.admin")
      expect(yield* waiting).toMatchObject([{ reason: "scope-upgrade" }])
      expect(yield* publishedDuring(pairings.remove("d1", everyScope))).toMatchObject([
        { _tag: "DeviceRemoved" },
        { _tag: "PairingResolved", decision: "rejected" },
      ])
      expect(yield* waiting).toEqual([])
    }).pipe(Effect.provide(layer())),
  )

  it.effect(
    "A device on another machine waits with one request until an operator approves it, and then gets its token.",
    () =>
      Effect.gen(function* () {
        const attempt = signIn({ token: secret("the-token"), device: phone, scopes: ["operator.read"] }, remote)
        const events = yield* publishedDuring(
          Effect.gen(function* () {
            const required = yield* Effect.flip(attempt)
            expect(required).toMatchObject({ _tag: "PairingRequired", reason: "not-paired", deviceId: "d1" })
            expect(yield* Effect.flip(attempt)).toEqual(required)
            const pairings = yield* Pairings
            const [request] = yield* pairings.requests
            expect(request).toMatchObject({ ...phone, remoteAddress: "10.0.0.7", scopes: ["operator.read"] })
            expect(yield* Effect.flip(pairings.approve(request!.requestId, ["operator.pairing"]))).toMatchObject({
              _tag: "Forbidden",
              missingScope: "operator.read",
            })
            const device = yield* pairings.approve(request!.requestId, ["operator.pairing", "operator.write"])
            expect(device).toMatchObject({ deviceId: "d1", grants: [{ role: "operator", issuedAt: null }] })
            expect(yield* Effect.flip(pairings.approve(request!.requestId, ["operator.admin"]))).toMatchObject({
              _tag: "PairingNotFound",
            })
            expect(yield* pairings.requests).toEqual([])
          }),
        )
        expect(events).toMatchObject([
          { _tag: "PairingRequested", request: { deviceId: "d1" } },
          { _tag: "DeviceChanged", device: { deviceId: "d1" } },
          { _tag: "PairingResolved", deviceId: "d1", decision: "approved" },
        ])
        expect((yield* attempt).issued).toBeDefined()
        expect((yield* attempt).issued).toBeUndefined()
      }).pipe(Effect.provide(layer())),
  )

  it.effect("A rejected device may request again, and a request without a decision expires.", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      const attempt = Effect.flip(signIn({ token: secret("the-token"), device: phone }, remote))
      yield* attempt
      const [first] = yield* pairings.requests
      expect(yield* pairings.reject(first!.requestId, everyScope)).toEqual(first)
      expect(yield* Effect.flip(pairings.reject(first!.requestId, everyScope))).toMatchObject({
        _tag: "PairingNotFound",
      })
      yield* attempt
      const [second] = yield* pairings.requests
      expect(second!.requestId).not.toBe(first!.requestId)
      yield* TestClock.adjust("1 hour")
      expect(yield* pairings.requests).toEqual([])
    }).pipe(Effect.provide(layer())),
  )

  it.effect("A device that requests more gets it on this machine with the shared secret, and waits otherwise.", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      const token = yield* pairedDeviceToken
      const more: ReadonlyArray<Scope> = ["operator.read", "operator.admin"]
      expect(yield* Effect.flip(signIn({ deviceToken: token, device: phone, scopes: more }))).toMatchObject({
        _tag: "ScopesNotGranted",
        scopes: ["operator.admin"],
      })
      expect(
        yield* Effect.flip(signIn({ token: secret("the-token"), device: phone, scopes: more }, remote)),
      ).toMatchObject({ _tag: "PairingRequired", reason: "scope-upgrade" })
      expect(
        yield* Effect.flip(signIn({ token: secret("the-token"), device: phone, role: "node" }, remote)),
      ).toMatchObject({ _tag: "PairingRequired", reason: "role-upgrade" })
      const given = yield* signIn({ token: secret("the-token"), device: phone, scopes: more })
      expect(Redacted.value(given.issued!.token)).not.toBe(Redacted.value(token))
      expect(given.issued!.scopes).toEqual(more)
      expect(yield* pairings.requests).toMatchObject([{ role: "node", reason: "role-upgrade" }])
      expect(yield* failureOf(signIn({ deviceToken: token, device: phone }))).toMatchObject({ reason: "invalid" })
    }).pipe(Effect.provide(layer())),
  )

  it.effect("A device keeps its token when an operator grants it more.", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      const token = yield* pairedDeviceToken
      const more: ReadonlyArray<Scope> = ["operator.admin"]
      const attempt = signIn({ deviceToken: token, device: phone, scopes: more }, remote)
      yield* Effect.flip(attempt)
      const [request] = yield* pairings.requests
      yield* pairings.approve(request!.requestId, ["operator.admin"])
      expect((yield* attempt).principal.scopes).toEqual(more)
    }).pipe(Effect.provide(layer())),
  )

  it.effect(
    "An operator with `operator.pairing` alone cannot approve, reject, rotate, revoke or remove an admin's device.",
    () =>
      Effect.gen(function* () {
        const devices = yield* Devices
        const pairings = yield* Pairings
        const held: ReadonlyArray<Scope> = ["operator.pairing"]
        yield* signIn({ token: secret("the-token"), device: phone, scopes: ["operator.admin"] })
        yield* Effect.flip(
          signIn(
            { token: secret("the-token"), device: { ...phone, deviceId: "d2" }, scopes: ["operator.admin"] },
            remote,
          ),
        )
        const [request] = yield* waiting
        const before = devices.all()
        const events = yield* publishedDuring(
          Effect.gen(function* () {
            for (const [method, call] of [
              ["devices.approve", pairings.approve(request!.requestId, held)],
              ["devices.reject", pairings.reject(request!.requestId, held)],
              ["devices.token.rotate", devices.rotate(operator, undefined, held)],
              ["devices.token.rotate", devices.rotate(operator, [], held)],
              ["devices.token.revoke", devices.revoke(operator, held)],
              ["devices.remove", pairings.remove("d1", held)],
            ] as ReadonlyArray<readonly [string, Effect.Effect<unknown, { readonly _tag: string }>]>) {
              expect(yield* Effect.flip(call)).toMatchObject({
                _tag: "Forbidden",
                method,
                missingScope: "operator.admin",
              })
            }
          }),
        )
        expect(events).toEqual([])
        expect(devices.all()).toEqual(before)
        expect(yield* waiting).toEqual([request])
      }).pipe(Effect.provide(layer())),
  )

  it.effect.prop(
    "Every change of a device fails exactly if it has a scope that the operator lacks.",
    [Schema.Array(Scope), Schema.Array(Scope)],
    ([granted, held]) =>
      Effect.gen(function* () {
        const devices = yield* Devices
        const pairings = yield* Pairings
        const missingScope = firstMissing([...new Set(granted)], held)
        const expectAllowed = Effect.fnUntraced(function* (call: Effect.Effect<unknown, { readonly _tag: string }>) {
          const failure = yield* Effect.match(call, { onFailure: (error) => error, onSuccess: () => undefined })
          if (missingScope === undefined) expect(failure).toBeUndefined()
          else expect(failure).toMatchObject({ _tag: "Forbidden", missingScope })
        })
        yield* requestScopes(...granted)
        const [request] = yield* waiting
        yield* expectAllowed(pairings.reject(request!.requestId, held))
        yield* requestScopes(...granted)
        const [again] = yield* waiting
        yield* expectAllowed(pairings.approve(again!.requestId, held))
        yield* signIn({ token: secret("the-token"), device: phone, scopes: granted })
        yield* expectAllowed(devices.rotate(operator, undefined, held))
        yield* expectAllowed(devices.revoke(operator, held))
        yield* expectAllowed(pairings.remove("d1", held))
      }).pipe(Effect.provide(layer())),
  )
})
