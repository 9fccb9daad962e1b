import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { firstMissing } from "../../../src/domain/Device.ts"
import { everyScope, Scope } from "../../../src/domain/Principal.ts"
import { Devices } from "../../../src/services/auth/Devices.ts"
import { Pairings } from "../../../src/services/auth/Pairings.ts"
import { signIn, remote, layer, pairedDeviceToken, phone, secret, publishedDuring } from "../../support/Trust.ts"

/** Asks from another machine; fails with `PairingRequired`. */
const ask = (...scopes: ReadonlyArray<Scope>) =>
  Effect.flip(signIn({ token: secret("the-token"), device: phone, scopes }, remote))

const waiting = Effect.flatMap(Pairings, ({ requests }) => requests)

const operator = { deviceId: "d1", role: "operator" } as const

describe("Pairings.approve", () => {
  it.effect("An operator who has seen a request for read cannot grant admin by its id.", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      yield* ask("operator.read")
      const [seen] = yield* waiting
      yield* ask("operator.read", "operator.admin")
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

  it.effect("Operators hear that a wider request superseded the one that they were shown.", () =>
    Effect.gen(function* () {
      const events = yield* publishedDuring(Effect.andThen(ask("operator.read"), ask("operator.admin")))
      const [first] = events as ReadonlyArray<any>
      expect(events).toMatchObject([
        { _tag: "PairingRequested", request: { scopes: ["operator.read"], supersedes: null } },
        { _tag: "PairingResolved", requestId: first.request.requestId, decision: "superseded" },
        { _tag: "PairingRequested", request: { scopes: ["operator.admin"], supersedes: first.request.requestId } },
      ])
    }).pipe(Effect.provide(layer())),
  )

  it.effect("A request that asks for other scopes than expected is not granted, and waits on.", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      yield* ask("operator.read", "operator.write")
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

  it.effect("An approval says what it granted, not all that the device may do.", () =>
    Effect.gen(function* () {
      yield* pairedDeviceToken
      yield* ask("operator.talk")
      const [request] = yield* waiting
      const approval = yield* (yield* Pairings).approve(request!.requestId, everyScope)
      expect(approval.granted).toEqual({ role: "operator", scopes: ["operator.talk"] })
      expect(approval.grants).toMatchObject([{ scopes: ["operator.read", "operator.talk"] }])
    }).pipe(Effect.provide(layer())),
  )

  it.effect("Two operators who decide at the same time decide once.", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      yield* ask("operator.read")
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

  it.effect("A device that is removed or let in on this machine leaves no needless request.", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      yield* ask("operator.read")
      const events = yield* publishedDuring(pairedDeviceToken)
      expect(events).toMatchObject([{ _tag: "DeviceChanged" }, { _tag: "PairingResolved", decision: "approved" }])
      yield* ask("operator.admin")
      expect(yield* waiting).toMatchObject([{ reason: "scope-upgrade" }])
      expect(yield* publishedDuring(pairings.remove("d1", everyScope))).toMatchObject([
        { _tag: "DeviceRemoved" },
        { _tag: "PairingResolved", decision: "rejected" },
      ])
      expect(yield* waiting).toEqual([])
    }).pipe(Effect.provide(layer())),
  )
})

describe("The scopes of an operator", () => {
  it.effect("An operator with pairing alone cannot approve, reject, rotate, revoke or remove what is an admin's.", () =>
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

  it.effect("An operator cannot remove a node that is also an admin's device, but may revoke its node token.", () =>
    Effect.gen(function* () {
      const devices = yield* Devices
      const held: ReadonlyArray<Scope> = ["operator.pairing"]
      yield* signIn({ token: secret("the-token"), device: phone, role: "node", scopes: [] })
      yield* signIn({ token: secret("the-token"), device: phone, scopes: ["operator.admin"] })
      expect(yield* Effect.flip(devices.remove("d1", held))).toMatchObject({ _tag: "Forbidden" })
      expect(yield* devices.revoke({ deviceId: "d1", role: "node" }, held)).toBe(true)
    }).pipe(Effect.provide(layer())),
  )

  it.effect.prop(
    "Every disposal of a device is refused exactly if it holds a scope that the operator lacks.",
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
        yield* ask(...granted)
        const [request] = yield* waiting
        yield* expectAllowed(pairings.reject(request!.requestId, held))
        yield* ask(...granted)
        const [again] = yield* waiting
        yield* expectAllowed(pairings.approve(again!.requestId, held))
        yield* signIn({ token: secret("the-token"), device: phone, scopes: granted })
        yield* expectAllowed(devices.rotate(operator, undefined, held))
        yield* expectAllowed(devices.revoke(operator, held))
        yield* expectAllowed(pairings.remove("d1", held))
      }).pipe(Effect.provide(layer())),
  )
})
