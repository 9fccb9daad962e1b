/**
 * Devices: the registry of paired devices with their grants and tokens. The database keeps them, reads come from memory,
 * and tokens are kept as hashes. Pairings and the handlers of `devices.*` use it; Pairings decides who is paired.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { hash, timingSafeEqual } from "node:crypto"
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
import { Events } from "../events/Events.ts"
import { isSecret, makeSecret, type Secret } from "./Secret.ts"
import { type Change, Tx } from "../storage/Tx.ts"

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
    isOperatorToken(token: Secret): Effect.Effect<boolean, StorageUnavailable>
    /**
     * Returns the grant of the token, and stores the time of its use. Returns `undefined` if the device does not have
     * this token in this role.
     */
    verifyToken(of: TokenOf, token: Secret): Effect.Effect<DeviceGrant | undefined, StorageUnavailable>
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
  static readonly layer: Layer.Layer<Devices, StorageUnavailable, Events> = Layer.effect(
    Devices,
    Effect.gen(function* () {
      const events = yield* Events
      const scope = yield* Effect.scope
      const devices = new Map<string, Device>()
      yield* events.onEvent(({ event }) => {
        if (event._tag === "DeviceChanged") devices.set(event.device.deviceId, event.device)
        if (event._tag === "DeviceRemoved") devices.delete(event.deviceId)
      })
      const stored = yield* events.read(Effect.flatMap(Tx, ({ devices }) => devices.all))
      for (const device of stored) devices.set(device.deviceId, device)

      const verifyToken = Effect.fn("Devices.verifyToken")(function* (of: TokenOf, token: Secret) {
        const { deviceId, role } = of
        const device = devices.get(deviceId)
        const grant = grantOf(device, role)
        if (device === undefined || grant === undefined) return undefined
        const expected = yield* events.read(Effect.flatMap(Tx, ({ devices }) => devices.tokenHash(of)))
        if (expected === undefined || !isEqual(expected, digestOf(token))) return undefined
        const lastUsedAt = yield* Clock.currentTimeMillis
        devices.set(deviceId, withChange(device, role, { lastUsedAt }))
        // Runs in the background: a slow or full disk must not delay or fail a sign-in.
        const work = Effect.flatMap(Tx, ({ devices }) => Effect.as(devices.setLastUsed(of, lastUsedAt), unchanged))
        yield* Effect.forkIn(Effect.ignore(events.commit(work)), scope)
        return grant
      })

      const grant = Effect.fn("Devices.grant")(function* (claims: DeviceClaims, request: AccessRequest) {
        const now = yield* Clock.currentTimeMillis
        const work = Effect.gen(function* () {
          const { devices } = yield* Tx
          const device = withGrant(updated(yield* devices.get(claims.deviceId), claims, now), request)
          yield* devices.put(device)
          return [device, [deviceChanged(device)]] as const
        })
        return yield* events.commit(work)
      })

      const issue = Effect.fn("Devices.issue")(function* (claims: DeviceClaims, request: AccessRequest) {
        const now = yield* Clock.currentTimeMillis
        const { deviceId } = claims
        const { role } = request
        const token = newToken()
        const work = Effect.gen(function* () {
          const { devices } = yield* Tx
          const granted = withGrant(updated(yield* devices.get(deviceId), claims, now), request)
          const device = withChange(granted, role, { issuedAt: now, lastUsedAt: now })
          yield* devices.put(device)
          yield* devices.setToken({ deviceId, role }, digestOf(token))
          const issued: IssuedToken = { token, issuedAt: now, scopes: grantOf(device, role)?.scopes ?? [] }
          return [issued, [deviceChanged(device)]] as const
        })
        return yield* events.commit(work)
      })

      const rotate = Effect.fn("Devices.rotate")(function* (
        of: TokenOf,
        scopes: ReadonlyArray<Scope> | undefined,
        held: ReadonlyArray<Scope>,
      ) {
        const { deviceId, role } = of
        const issuedAt = yield* Clock.currentTimeMillis
        const token = newToken()
        const work = Effect.gen(function* () {
          const { devices } = yield* Tx
          const device = yield* devices.get(deviceId)
          const before = grantOf(device, role)
          if (device === undefined || before === undefined) return yield* new DeviceNotFound({ deviceId })
          yield* requireScopes("devices.token.rotate", before.scopes, held)
          const next = scopes ?? before.scopes
          const missing = next.filter((scope) => !grants(before.scopes, scope))
          if (missing.length > 0) return yield* new ScopesNotGranted({ deviceId, scopes: missing })
          const changed = withChange(device, role, { scopes: next, issuedAt })
          yield* devices.put(changed)
          yield* devices.setToken(of, digestOf(token))
          const issued: IssuedToken = { token, issuedAt, scopes: next }
          return [issued, [deviceChanged(changed)]] as const
        })
        return yield* events.commit(work)
      })

      const revoke = Effect.fn("Devices.revoke")(function* (of: TokenOf, held: ReadonlyArray<Scope>) {
        const { deviceId, role } = of
        const work = Effect.gen(function* () {
          const { devices } = yield* Tx
          const device = yield* devices.get(deviceId)
          if (device === undefined) return yield* new DeviceNotFound({ deviceId })
          const before = grantOf(device, role)
          yield* requireScopes("devices.token.revoke", before?.scopes ?? [], held)
          if ((before?.issuedAt ?? null) === null) return [false, []] as const
          const changed = withChange(device, role, { issuedAt: null })
          yield* devices.put(changed)
          yield* devices.setToken(of, null)
          return [true, [deviceChanged(changed)]] as const
        })
        return yield* events.commit(work)
      })

      const remove = Effect.fn("Devices.remove")(function* (deviceId: string, held: ReadonlyArray<Scope>) {
        const work = Effect.gen(function* () {
          const { devices } = yield* Tx
          const device = yield* devices.get(deviceId)
          if (device === undefined) return yield* new DeviceNotFound({ deviceId })
          const all = device.grants.flatMap(({ scopes }) => scopes)
          yield* requireScopes("devices.remove", all, held)
          yield* devices.remove(deviceId)
          return [undefined, [{ _tag: "DeviceRemoved", deviceId } satisfies KeptEvent]] as const
        })
        return yield* events.commit(work)
      })

      const isOperatorToken = (token: Secret) =>
        isSecret(Redacted.value(token))
          ? events.read(Effect.flatMap(Tx, ({ devices }) => devices.hasToken("operator", digestOf(token))))
          : Effect.succeed(false)

      return Devices.of({
        all: () => [...devices.values()],
        find: (deviceId) => devices.get(deviceId),
        isOperatorToken,
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

const unchanged: Change<void> = [undefined, []]

const newToken = (): Secret => Redacted.make(makeSecret())

/** Hashes a token. A fast hash is enough, because nobody can guess 256 random bits. */
const digestOf = (token: Secret): string => hash("sha256", Redacted.value(token), "hex")

/** Compares two digests in constant time. */
const isEqual = (one: string, other: string): boolean => timingSafeEqual(Buffer.from(one), Buffer.from(other))

/** Fails if the caller lacks one of the scopes. */
const requireScopes = (method: string, scopes: ReadonlyArray<Scope>, held: ReadonlyArray<Scope>) => {
  const missingScope = firstMissing(scopes, held)
  return missingScope === undefined ? Effect.void : Effect.fail(new Forbidden({ method, missingScope }))
}

const deviceChanged = (device: Device): KeptEvent => ({ _tag: "DeviceChanged", device })

/** Returns the device with its newest claims, or a new device. */
const updated = (before: Device | undefined, claims: DeviceClaims, now: number): Device => ({
  grants: before?.grants ?? [],
  pairedAt: before?.pairedAt ?? now,
  ...claims,
})
