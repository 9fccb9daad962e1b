import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import type { Scope } from "../../../src/domain/Principal.ts"
import { Devices } from "../../../src/services/auth/Devices.ts"
import { Events } from "../../../src/services/events/Events.ts"
import {
  authLayer,
  failureOf,
  layer,
  pairedDeviceToken,
  phone,
  remote,
  secret,
  signIn,
} from "../../support/Authentication.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const storage = Events.layer.pipe(
  Layer.provideMerge(TestDatabase.layer),
  Layer.provideMerge(GatewayConfig.layer({ token: "the-token" })),
  Layer.orDie,
)

describe("Devices", () => {
  it.effect("Rotation revokes the old token, revocation every token, and removal the whole device.", () =>
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

  it.effect("A device is known after a restart, and the database does not contain its token.", () =>
    Effect.gen(function* () {
      const token = yield* Effect.provide(pairedDeviceToken, Layer.fresh(authLayer))
      const { query } = yield* TestDatabase.TestDatabase
      const tables = ["devices", "device_grants", "events"]
      const stored = (yield* Effect.forEach(tables, (table) => query(`SELECT * FROM ${table}`))).flat()
      expect(stored.length).toBe(3)
      expect(JSON.stringify(stored)).not.toContain(Redacted.value(token))
      const back = signIn({ deviceToken: token, device: phone, scopes: ["operator.read"] }, remote)
      expect((yield* Effect.provide(back, Layer.fresh(authLayer))).principal.kind).toBe("device")
    }).pipe(Effect.provide(storage)),
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
})
