/**
 * Devices: the registry of paired devices with their grants and tokens. The database keeps them, reads come from memory,
 * and tokens are kept as hashes. Pairings and the handlers of `devices.*` use it; Pairings decides who is paired.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import {
  type AccessRequest,
  type DeviceClaims,
  type Device,
  type DeviceGrant,
  DeviceNotFound,
  firstMissing,
  grantOf,
  ScopesNotGranted,
  withChange,
  withGrant,
  type TokenOf,
} from "../../domain/Device.ts"
import type { KeptEvent } from "../../domain/Event.ts"
import { grants, type Scope } from "../../domain/Principal.ts"
import { Forbidden } from "../../domain/Refusal.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import * as DeviceStore from "./DeviceStore.ts"
import { Events } from "../events/Events.ts"
import { makeSecret, type Secret } from "./Secret.ts"
import { Sqlite } from "../storage/Sqlite.ts"

/** A new token. Only this value holds it, because the gateway stores a hash. */
export interface IssuedToken {
  readonly token: Secret
  /** Milliseconds since the Unix epoch. */
  readonly issuedAt: number
  readonly scopes: ReadonlyArray<Scope>
}

export class Devices extends Context.Service<
  Devices,
  {
    /** Returns all devices in the order of pairing. */
    readonly all: () => ReadonlyArray<Device>
    /** Returns `undefined` if the device is not paired. */
    readonly find: (deviceId: string) => Device | undefined
    /** Returns whether any device has this token in the role `operator`. For requests that name no device. */
    readonly isOperatorToken: (token: Secret) => boolean
    /**
     * Returns the grant of the token, and stores the time of its use. Returns `undefined` if the device does not have
     * this token in this role.
     */
    verifyToken(of: TokenOf, token: Secret): Effect.Effect<DeviceGrant | undefined>
    /** Adds the requested role and scopes to the device, and pairs it if it is new. Publishes `DeviceChanged`. */
    grant(claims: DeviceClaims, request: AccessRequest): Effect.Effect<Device, StorageUnavailable>
    /** Does the same as `grant` and issues a token for the role, which revokes the old one. */
    issue(claims: DeviceClaims, request: AccessRequest): Effect.Effect<IssuedToken, StorageUnavailable>
    /**
     * Issues a new token for the role, which revokes the old one. `scopes`: the new scopes, or `undefined` for the same
     * as before. `held`: the scopes of the caller.
     *
     * Fails with `DeviceNotFound` if the device does not have the role, with `Forbidden` if the caller lacks a scope of
     * the grant, and with `ScopesNotGranted` if the grant lacks one of `scopes`.
     */
    rotate(
      of: TokenOf,
      scopes: ReadonlyArray<Scope> | undefined,
      held: ReadonlyArray<Scope>,
    ): Effect.Effect<IssuedToken, DeviceNotFound | ScopesNotGranted | Forbidden | StorageUnavailable>
    /**
     * Revokes the token of the role. Returns whether there was one. Fails with `DeviceNotFound` if the device is not
     * paired, and with `Forbidden` if the caller, whose scopes are `held`, lacks a scope of the grant.
     */
    revoke(
      of: TokenOf,
      held: ReadonlyArray<Scope>,
    ): Effect.Effect<boolean, DeviceNotFound | Forbidden | StorageUnavailable>
    /**
     * Removes the device and revokes its tokens. Publishes `DeviceRemoved`. Fails with `Forbidden` if the caller, whose
     * scopes are `held`, lacks a scope that the device has in any role.
     */
    remove(
      deviceId: string,
      held: ReadonlyArray<Scope>,
    ): Effect.Effect<void, DeviceNotFound | Forbidden | StorageUnavailable>
  }
>()("causeway/services/auth/Devices") {
  static readonly layer: Layer.Layer<Devices, never, Events | Sqlite> = Layer.effect(
    Devices,
    Effect.gen(function* () {
      const { db } = yield* Sqlite
      const events = yield* Events
      const scope = yield* Effect.scope
      const devices = new Map<string, Device>()
      yield* events.onEvent(({ event }) => {
        if (event._tag === "DeviceChanged") devices.set(event.device.deviceId, event.device)
        if (event._tag === "DeviceRemoved") devices.delete(event.deviceId)
      })
      for (const device of DeviceStore.allDevices(db)) devices.set(device.deviceId, device)

      const verifyToken = Effect.fn("Devices.verifyToken")(function* (of: TokenOf, token: Secret) {
        const { deviceId, role } = of
        const device = devices.get(deviceId)
        const grant = grantOf(device, role)
        if (device === undefined || grant === undefined) return undefined
        if (!DeviceStore.isToken(db, of, Redacted.value(token))) return undefined
        const lastUsedAt = yield* Clock.currentTimeMillis
        devices.set(deviceId, withChange(device, role, { lastUsedAt }))
        // Runs in the background: a slow or full disk must not delay or fail a sign-in.
        const stored = events.commit<void>((db) => [DeviceStore.setLastUsed(db, of, lastUsedAt), []])
        yield* Effect.forkIn(Effect.ignore(stored), scope)
        return grant
      })

      const grant = Effect.fn("Devices.grant")(function* (claims: DeviceClaims, request: AccessRequest) {
        const now = yield* Clock.currentTimeMillis
        return yield* events.commit((db) => {
          const device = withGrant(updated(DeviceStore.findDevice(db, claims.deviceId), claims, now), request)
          DeviceStore.writeDevice(db, device)
          return [device, [deviceChanged(device)]]
        })
      })

      const issue = Effect.fn("Devices.issue")(function* (claims: DeviceClaims, request: AccessRequest) {
        const now = yield* Clock.currentTimeMillis
        return yield* events.commit<IssuedToken>((db) => {
          const granted = withGrant(updated(DeviceStore.findDevice(db, claims.deviceId), claims, now), request)
          const device = withChange(granted, request.role, { issuedAt: now, lastUsedAt: now })
          const token = makeSecret()
          DeviceStore.writeDevice(db, device)
          DeviceStore.setToken(db, { deviceId: device.deviceId, role: request.role }, token)
          const scopes = grantOf(device, request.role)?.scopes ?? []
          return [{ token: Redacted.make(token), issuedAt: now, scopes }, [deviceChanged(device)]]
        })
      })

      const rotate = Effect.fn("Devices.rotate")(function* (
        of: TokenOf,
        scopes: ReadonlyArray<Scope> | undefined,
        held: ReadonlyArray<Scope>,
      ) {
        const { deviceId, role } = of
        const issuedAt = yield* Clock.currentTimeMillis
        const result = yield* events.commit<Result.Result<IssuedToken, DeviceNotFound | ScopesNotGranted | Forbidden>>(
          (db) => {
            const device = DeviceStore.findDevice(db, deviceId)
            const before = grantOf(device, role)
            if (device === undefined || before === undefined) return [Result.fail(new DeviceNotFound({ deviceId })), []]
            const forbidden = missingScopeError("devices.token.rotate", before.scopes, held)
            if (forbidden !== undefined) return [Result.fail(forbidden), []]
            const next = scopes ?? before.scopes
            const missing = next.filter((scope) => !grants(before.scopes, scope))
            if (missing.length > 0) return [Result.fail(new ScopesNotGranted({ deviceId, scopes: missing })), []]
            const changed = withChange(device, role, { scopes: next, issuedAt })
            const token = makeSecret()
            DeviceStore.writeDevice(db, changed)
            DeviceStore.setToken(db, of, token)
            const issued = { token: Redacted.make(token), issuedAt, scopes: next }
            return [Result.succeed(issued), [deviceChanged(changed)]]
          },
        )
        return yield* Effect.fromResult(result)
      })

      const revoke = Effect.fn("Devices.revoke")(function* (of: TokenOf, held: ReadonlyArray<Scope>) {
        const { deviceId, role } = of
        const result = yield* events.commit<Result.Result<boolean, DeviceNotFound | Forbidden>>((db) => {
          const device = DeviceStore.findDevice(db, deviceId)
          if (device === undefined) return [Result.fail(new DeviceNotFound({ deviceId })), []]
          const before = grantOf(device, role)
          const forbidden = missingScopeError("devices.token.revoke", before?.scopes ?? [], held)
          if (forbidden !== undefined) return [Result.fail(forbidden), []]
          if ((before?.issuedAt ?? null) === null) return [Result.succeed(false), []]
          const changed = withChange(device, role, { issuedAt: null })
          DeviceStore.writeDevice(db, changed)
          DeviceStore.setToken(db, of, null)
          return [Result.succeed(true), [deviceChanged(changed)]]
        })
        return yield* Effect.fromResult(result)
      })

      const remove = Effect.fn("Devices.remove")(function* (deviceId: string, held: ReadonlyArray<Scope>) {
        const result = yield* events.commit<Result.Result<void, DeviceNotFound | Forbidden>>((db) => {
          const device = DeviceStore.findDevice(db, deviceId)
          if (device === undefined) return [Result.fail(new DeviceNotFound({ deviceId })), []]
          const all = device.grants.flatMap(({ scopes }) => scopes)
          const forbidden = missingScopeError("devices.remove", all, held)
          if (forbidden !== undefined) return [Result.fail(forbidden), []]
          DeviceStore.removeDevice(db, deviceId)
          return [Result.void, [{ _tag: "DeviceRemoved", deviceId }]]
        })
        return yield* Effect.fromResult(result)
      })

      return Devices.of({
        all: () => [...devices.values()],
        find: (deviceId) => devices.get(deviceId),
        isOperatorToken: (token) => DeviceStore.isTokenOf(db, "operator", Redacted.value(token)),
        verifyToken,
        grant,
        issue,
        rotate,
        revoke,
        remove,
      })
    }),
  )
}

/** Returns an error if the caller lacks one of the scopes. */
const missingScopeError = (
  method: string,
  scopes: ReadonlyArray<Scope>,
  held: ReadonlyArray<Scope>,
): Forbidden | undefined => {
  const missingScope = firstMissing(scopes, held)
  return missingScope && new Forbidden({ method, missingScope })
}

const deviceChanged = (device: Device): KeptEvent => ({ _tag: "DeviceChanged", device })

/** Returns the device with its newest claims, or a new device. */
const updated = (before: Device | undefined, claims: DeviceClaims, now: number): Device => ({
  grants: before?.grants ?? [],
  pairedAt: before?.pairedAt ?? now,
  ...claims,
})
