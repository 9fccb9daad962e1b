/**
 * Who is let in: by the gateway's secrets, by a device's own token, after an operator's word; and what they lose when
 * it is taken back.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import {
  type DeviceClaims,
  DeviceGrant,
  firstMissing,
  grantOf,
  pairingNeeded,
  withGrant,
} from "../../../src/domain/Device.ts"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { everyScope, grants, Role, Scope } from "../../../src/domain/Principal.ts"
import { Authenticator } from "../../../src/services/auth/Authenticator.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import { GatewayToken } from "../../../src/services/auth/GatewayToken.ts"
import { Devices } from "../../../src/services/auth/Devices.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Pairings } from "../../../src/services/auth/Pairings.ts"
import { Sqlite } from "../../../src/services/storage/Sqlite.ts"
import {
  signIn,
  remote,
  layer,
  pairedDeviceToken,
  phone,
  failureOf,
  secret,
  publishedDuring,
  authLayer,
} from "../../support/Trust.ts"

describe("the gateway's secrets", () => {
  it.effect("let in whoever has one, wherever it was put, with the scopes asked for and no others", () =>
    Effect.gen(function* () {
      const asked: ReadonlyArray<Scope> = ["operator.read", "operator.pairing"]
      for (const [credentials, kind] of [
        [{ token: secret("the-token") }, "token"],
        [{ password: secret("the-token") }, "token"],
        [{ token: secret("the-password") }, "password"],
        [{ token: secret("wrong"), password: secret("the-password") }, "password"],
      ] as const) {
        const { issued, principal } = yield* signIn({ ...credentials, scopes: asked }, remote)
        expect(principal).toEqual({ id: "operator", kind, role: "operator", scopes: asked })
        expect(issued).toBeUndefined()
      }
      const { principal } = yield* signIn({ token: secret("the-token") })
      expect(principal.scopes).toEqual(everyScope)
    }).pipe(Effect.provide(layer())),
  )

  it.effect("are right with the line end that a client has read from a file", () =>
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

  it.effect("give a node none of the operators' scopes", () =>
    Effect.gen(function* () {
      const { principal } = yield* signIn({ token: secret("the-token"), role: "node", scopes: ["operator.admin"] })
      expect(principal).toMatchObject({ role: "node", scopes: [] })
    }).pipe(Effect.provide(layer())),
  )

  it.effect("say what was wrong, slower each time, and then that the address is locked out and for how long", () =>
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

  it.effect("lock nobody out for longer because the clock was set back", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("2 days")
      yield* failureOf(signIn({ token: secret("x") }))
      expect(yield* failureOf(signIn({ token: secret("the-token") }))).toMatchObject({ reason: "locked-out" })
      yield* TestClock.setTime(1_000)
      expect((yield* signIn({ token: secret("the-token") })).principal.kind).toBe("token")
    }).pipe(Effect.provide(layer({ limits: { authFailures: 1 } }))),
  )

  it.effect("are not asked for where there are none, and what was asked for is given", () =>
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
})

describe("a device", () => {
  it.effect("with the secret on this machine is paired without asking, and comes back by its token alone", () =>
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

  it.effect("is not known by another's token, nor by a token without its key, nor in another role", () =>
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

  it.effect("that comes again with the secret is told no second token, unless it has none", () =>
    Effect.gen(function* () {
      yield* pairedDeviceToken
      const again = yield* signIn({ token: secret("the-token"), device: phone, scopes: ["operator.read"] }, remote)
      expect(again.issued).toBeUndefined()
      yield* Effect.flatMap(Devices, (devices) => devices.revoke({ deviceId: "d1", role: "operator" }, everyScope))
      const anew = yield* signIn({ token: secret("the-token"), device: phone, scopes: ["operator.read"] }, remote)
      expect(anew.issued).toBeDefined()
    }).pipe(Effect.provide(layer())),
  )

  it.effect("from elsewhere waits for an operator, once for however often it asks, and then gets its token", () =>
    Effect.gen(function* () {
      const come = signIn({ token: secret("the-token"), device: phone, scopes: ["operator.read"] }, remote)
      const events = yield* publishedDuring(
        Effect.gen(function* () {
          const required = yield* Effect.flip(come)
          expect(required).toMatchObject({ _tag: "PairingRequired", reason: "not-paired", deviceId: "d1" })
          expect(yield* Effect.flip(come)).toEqual(required)
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
      expect((yield* come).issued).toBeDefined()
      expect((yield* come).issued).toBeUndefined()
    }).pipe(Effect.provide(layer())),
  )

  it.effect("that is turned away may ask again, and a request that nobody answers is forgotten", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      const come = Effect.flip(signIn({ token: secret("the-token"), device: phone }, remote))
      yield* come
      const [first] = yield* pairings.requests
      expect(yield* pairings.reject(first!.requestId, everyScope)).toEqual(first)
      expect(yield* Effect.flip(pairings.reject(first!.requestId, everyScope))).toMatchObject({
        _tag: "PairingNotFound",
      })
      yield* come
      const [second] = yield* pairings.requests
      expect(second!.requestId).not.toBe(first!.requestId)
      yield* TestClock.adjust("1 hour")
      expect(yield* pairings.requests).toEqual([])
    }).pipe(Effect.provide(layer())),
  )

  it.effect("that asks for more is given it here with the secret, and has to wait elsewhere or with its token", () =>
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

  it.effect("keeps its token when an operator gives it more", () =>
    Effect.gen(function* () {
      const pairings = yield* Pairings
      const token = yield* pairedDeviceToken
      const more: ReadonlyArray<Scope> = ["operator.admin"]
      const come = signIn({ deviceToken: token, device: phone, scopes: more }, remote)
      yield* Effect.flip(come)
      const [request] = yield* pairings.requests
      yield* pairings.approve(request!.requestId, ["operator.admin"])
      expect((yield* come).principal.scopes).toEqual(more)
    }).pipe(Effect.provide(layer())),
  )

  it.effect("loses by rotation the old token, by revocation any, by removal everything", () =>
    Effect.gen(function* () {
      const devices = yield* Devices
      const of = { deviceId: "d1", role: "operator" } as const
      const first = yield* pairedDeviceToken
      const held: ReadonlyArray<Scope> = ["operator.pairing", "operator.read"]
      expect(yield* Effect.flip(devices.rotate(of, ["operator.admin"], ["operator.admin"]))).toMatchObject({
        _tag: "ScopesNotGranted",
        scopes: ["operator.admin"],
      })
      expect(yield* Effect.flip(devices.rotate(of, undefined, ["operator.pairing"]))).toMatchObject({
        _tag: "Forbidden",
        missingScope: "operator.read",
      })
      const second = (yield* devices.rotate(of, undefined, held)).token
      expect(yield* failureOf(signIn({ deviceToken: first, device: phone }))).toMatchObject({ reason: "invalid" })
      expect((yield* signIn({ deviceToken: second, device: phone })).principal.kind).toBe("device")
      expect(yield* devices.revoke(of, held)).toBe(true)
      expect(yield* devices.revoke(of, held)).toBe(false)
      expect(yield* failureOf(signIn({ deviceToken: second, device: phone }))).toMatchObject({ reason: "invalid" })
      yield* devices.remove("d1", held)
      expect(devices.all()).toEqual([])
      expect(yield* Effect.flip(devices.remove("d1", held))).toMatchObject({ _tag: "DeviceNotFound" })
      expect(yield* Effect.flip(devices.rotate(of, undefined, held))).toMatchObject({ _tag: "DeviceNotFound" })
      expect(yield* Effect.flip(devices.revoke(of, held))).toMatchObject({ _tag: "DeviceNotFound" })
      expect(yield* Effect.flip(signIn({ token: secret("the-token"), device: phone }, remote))).toMatchObject({
        reason: "not-paired",
      })
    }).pipe(Effect.provide(layer())),
  )

  it.effect("is known after a restart, and nothing that is stored is its token", () =>
    Effect.gen(function* () {
      const token = yield* Effect.provide(pairedDeviceToken, Layer.fresh(authLayer))
      const { db } = yield* Sqlite
      const stored = ["devices", "device_grants", "events"].flatMap((table) =>
        db.prepare(`SELECT * FROM ${table}`).all(),
      )
      expect(stored.length).toBe(3)
      expect(JSON.stringify(stored)).not.toContain(Redacted.value(token))
      const back = signIn({ deviceToken: token, device: phone, scopes: ["operator.read"] }, remote)
      expect((yield* Effect.provide(back, Layer.fresh(authLayer))).principal.kind).toBe("device")
    }).pipe(Effect.provide(storage)),
  )
})

const storage = Events.layer.pipe(
  Layer.provideMerge(Database.layerMemory),
  Layer.provideMerge(GatewayConfig.layer({ token: "the-token" })),
  Layer.orDie,
)
describe("what a device needs", () => {
  const candidate: DeviceClaims = { ...phone, remoteAddress: "10.0.0.7" }
  /** One grant to a role. */
  const device = Schema.UniqueArray(DeviceGrant).check(
    Schema.makeFilter((all) => new Set(all.map(({ role }) => role)).size === all.length),
  )
  const asked = Schema.Struct({ role: Role, scopes: Schema.Array(Scope) })

  it.prop("is nothing once it has been granted that", [device, asked], ([grants, wanted]) => {
    const before = { ...candidate, pairedAt: 0, grants }
    expect(pairingNeeded(withGrant(before, wanted), wanted)).toBeUndefined()
  })

  it.prop("takes nothing from what it had", [device, asked], ([had, wanted]) => {
    const before = { ...candidate, pairedAt: 0, grants: had }
    const after = withGrant(before, wanted)
    for (const { role } of had) {
      const scopes = grantOf(before, role)!.scopes
      expect(firstMissing(scopes, grantOf(after, role)!.scopes)).toBeUndefined()
      expect(grantOf(after, role)!.issuedAt).toBe(grantOf(before, role)!.issuedAt)
    }
  })

  it.prop("is a wider grant exactly where a scope is missing", [device, asked], ([had, wanted]) => {
    const grant = had.find(({ role }) => role === wanted.role)
    const needed = pairingNeeded({ grants: had }, wanted)
    if (grant === undefined) expect(needed).toBe("role-upgrade")
    else expect(needed === "scope-upgrade").toBe(wanted.scopes.some((scope) => !grants(grant.scopes, scope)))
  })
})
