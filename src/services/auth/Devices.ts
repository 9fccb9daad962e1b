/**
 * Devices: the registry of clients that have a key of their own, what each may do, and the tokens by which they may.
 * Kept in the database, read from memory; of a token it keeps a hash. Whether to let a device in is Pairings.ts.
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
import * as Rows from "./DeviceStore.ts"
import { Events } from "../events/Events.ts"
import { makeSecret } from "./Secret.ts"
import { Sqlite } from "../storage/Sqlite.ts"

/** A token as it is told, once. */
export interface IssuedToken {
  readonly token: Redacted.Redacted<string>
  readonly issuedAt: number
  readonly scopes: ReadonlyArray<Scope>
}

export class Devices extends Context.Service<
  Devices,
  {
    /** In the order in which they were paired. */
    readonly all: () => ReadonlyArray<Device>
    readonly find: (deviceId: string) => Device | undefined
    /** Whether this is the token of any device in the role `operator`, for requests that name no device. */
    readonly isOperatorToken: (token: Redacted.Redacted<string>) => boolean
    /** What the token gives; undefined: it is not the token of that device in that role. Notes that it was used. */
    redeem(of: TokenOf, token: Redacted.Redacted<string>): Effect.Effect<DeviceGrant | undefined>
    /** Adds what is asked for to what the device may do; pairs it if it is new. */
    grant(candidate: DeviceClaims, asked: AccessRequest): Effect.Effect<Device, StorageUnavailable>
    /** As `grant`, and gives it a token. The one that it had is worth nothing. */
    issue(candidate: DeviceClaims, asked: AccessRequest): Effect.Effect<IssuedToken, StorageUnavailable>
    /** Gives a known device a new token. `held`: the scopes of the caller, who must hold all that the grant has. */
    rotate(
      of: TokenOf,
      scopes: ReadonlyArray<Scope> | undefined,
      held: ReadonlyArray<Scope>,
    ): Effect.Effect<IssuedToken, DeviceNotFound | ScopesNotGranted | Forbidden | StorageUnavailable>
    /** Returns whether there was a token. `held`: as for `rotate`. */
    revoke(
      of: TokenOf,
      held: ReadonlyArray<Scope>,
    ): Effect.Effect<boolean, DeviceNotFound | Forbidden | StorageUnavailable>
    /** `held`: the scopes of the caller, who must hold all that the device has in any role. */
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
      for (const device of Rows.allDevices(db)) devices.set(device.deviceId, device)

      const redeem = Effect.fn("Devices.redeem")(function* (of: TokenOf, token: Redacted.Redacted<string>) {
        const { deviceId, role } = of
        const device = devices.get(deviceId)
        const grant = grantOf(device, role)
        if (device === undefined || grant === undefined) return undefined
        if (!Rows.isToken(db, of, Redacted.value(token))) return undefined
        const lastUsedAt = yield* Clock.currentTimeMillis
        devices.set(deviceId, withChange(device, role, { lastUsedAt }))
        // Nobody waits for it: a disk that is slow or full keeps no device out.
        const noted = events.commit<void>((db) => [Rows.setLastUsed(db, of, lastUsedAt), []])
        yield* Effect.forkIn(Effect.ignore(noted), scope)
        return grant
      })

      const grant = Effect.fn("Devices.grant")(function* (candidate: DeviceClaims, asked: AccessRequest) {
        const now = yield* Clock.currentTimeMillis
        return yield* events.commit((db) => {
          const device = withGrant(newer(Rows.findDevice(db, candidate.deviceId), candidate, now), asked)
          Rows.writeDevice(db, device)
          return [device, [deviceChanged(device)]]
        })
      })

      const issue = Effect.fn("Devices.issue")(function* (candidate: DeviceClaims, asked: AccessRequest) {
        const now = yield* Clock.currentTimeMillis
        return yield* events.commit<IssuedToken>((db) => {
          const granted = withGrant(newer(Rows.findDevice(db, candidate.deviceId), candidate, now), asked)
          const device = withChange(granted, asked.role, { issuedAt: now, lastUsedAt: now })
          const token = makeSecret()
          Rows.writeDevice(db, device)
          Rows.setToken(db, { deviceId: device.deviceId, role: asked.role }, token)
          const scopes = grantOf(device, asked.role)?.scopes ?? []
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
        const answer = yield* events.commit<Result.Result<IssuedToken, DeviceNotFound | ScopesNotGranted | Forbidden>>(
          (db) => {
            const device = Rows.findDevice(db, deviceId)
            const had = grantOf(device, role)
            if (device === undefined || had === undefined) return [Result.fail(new DeviceNotFound({ deviceId })), []]
            const refusal = beyond("devices.token.rotate", had.scopes, held)
            if (refusal !== undefined) return [Result.fail(refusal), []]
            const given = scopes ?? had.scopes
            const tooMuch = given.filter((scope) => !grants(had.scopes, scope))
            if (tooMuch.length > 0) return [Result.fail(new ScopesNotGranted({ deviceId, scopes: tooMuch })), []]
            const changed = withChange(device, role, { scopes: given, issuedAt })
            const token = makeSecret()
            Rows.writeDevice(db, changed)
            Rows.setToken(db, of, token)
            const issued = { token: Redacted.make(token), issuedAt, scopes: given }
            return [Result.succeed(issued), [deviceChanged(changed)]]
          },
        )
        return yield* Effect.fromResult(answer)
      })

      const revoke = Effect.fn("Devices.revoke")(function* (of: TokenOf, held: ReadonlyArray<Scope>) {
        const { deviceId, role } = of
        const answer = yield* events.commit<Result.Result<boolean, DeviceNotFound | Forbidden>>((db) => {
          const device = Rows.findDevice(db, deviceId)
          if (device === undefined) return [Result.fail(new DeviceNotFound({ deviceId })), []]
          const had = grantOf(device, role)
          const refusal = beyond("devices.token.revoke", had?.scopes ?? [], held)
          if (refusal !== undefined) return [Result.fail(refusal), []]
          if ((had?.issuedAt ?? null) === null) return [Result.succeed(false), []]
          const changed = withChange(device, role, { issuedAt: null })
          Rows.writeDevice(db, changed)
          Rows.setToken(db, of, null)
          return [Result.succeed(true), [deviceChanged(changed)]]
        })
        return yield* Effect.fromResult(answer)
      })

      const remove = Effect.fn("Devices.remove")(function* (deviceId: string, held: ReadonlyArray<Scope>) {
        const answer = yield* events.commit<Result.Result<void, DeviceNotFound | Forbidden>>((db) => {
          const device = Rows.findDevice(db, deviceId)
          if (device === undefined) return [Result.fail(new DeviceNotFound({ deviceId })), []]
          const all = device.grants.flatMap(({ scopes }) => scopes)
          const refusal = beyond("devices.remove", all, held)
          if (refusal !== undefined) return [Result.fail(refusal), []]
          Rows.removeDevice(db, deviceId)
          return [Result.void, [{ _tag: "DeviceRemoved", deviceId }]]
        })
        return yield* Effect.fromResult(answer)
      })

      return Devices.of({
        all: () => [...devices.values()],
        find: (deviceId) => devices.get(deviceId),
        isOperatorToken: (token) => Rows.isTokenOf(db, "operator", Redacted.value(token)),
        redeem,
        grant,
        issue,
        rotate,
        revoke,
        remove,
      })
    }),
  )
}

/** Returns a refusal if the caller does not hold one of the scopes that the call is about. */
const beyond = (method: string, scopes: ReadonlyArray<Scope>, held: ReadonlyArray<Scope>): Forbidden | undefined => {
  const missingScope = firstMissing(scopes, held)
  return missingScope && new Forbidden({ method, missingScope })
}

const deviceChanged = (device: Device): KeptEvent => ({ _tag: "DeviceChanged", device })

/** The device as it describes itself now; new if there was none. */
const newer = (before: Device | undefined, candidate: DeviceClaims, now: number): Device => ({
  grants: before?.grants ?? [],
  pairedAt: before?.pairedAt ?? now,
  ...candidate,
})
