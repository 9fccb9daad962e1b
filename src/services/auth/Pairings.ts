/**
 * Pairings: decides whether a device that has proved its key is let in, waits, or is approved. Authenticator.ts and the
 * methods of operators use it. Devices.ts keeps grants and tokens.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import {
  type Approval,
  type AccessRequest,
  type DeviceClaims,
  claimsOf,
  type DeviceGrant,
  type DeviceNotFound,
  firstMissing,
  grantOf,
  type PairingDecision,
  pairingNeeded,
  PairingNotFound,
  type PairingReason,
  type PairingRequest,
  PairingRequired,
  PairingScopesDiffer,
  sameScopes,
  ScopesNotGranted,
} from "../../domain/Device.ts"
import { grants, type Scope } from "../../domain/Principal.ts"
import { Forbidden } from "../../domain/Refusal.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Devices, type IssuedToken } from "./Devices.ts"
import { Events } from "../events/Events.ts"
import { PairingRequests } from "./PairingRequests.ts"

export class Pairings extends Context.Service<
  Pairings,
  {
    /** The devices that wait. */
    readonly requests: Effect.Effect<ReadonlyArray<PairingRequest>>
    /**
     * Lets a device in that has shown the gateway's secret. `direct`: only a user of this machine can have sent it, so
     * the device is paired, or given more, at once. Returns a token for a new grant and for a device that has none.
     */
    admit(
      candidate: DeviceClaims,
      asked: AccessRequest,
      direct: boolean,
    ): Effect.Effect<IssuedToken | undefined, PairingRequired | StorageUnavailable>
    /** Returns `undefined` if the token is not the device's own. A device that asks for more than it has must wait. */
    recognize(
      candidate: DeviceClaims,
      asked: AccessRequest,
      token: Redacted.Redacted<string>,
    ): Effect.Effect<DeviceGrant | undefined, ScopesNotGranted>
    /** `held`: the scopes of the caller. `expectedScopes`: fails if the request asks for others. */
    approve(
      requestId: string,
      held: ReadonlyArray<Scope>,
      expectedScopes?: ReadonlyArray<Scope>,
    ): Effect.Effect<Approval, PairingNotFound | PairingScopesDiffer | Forbidden | StorageUnavailable>
    /** Returns the request that it turned away. `held`: the scopes of the caller. */
    reject(requestId: string, held: ReadonlyArray<Scope>): Effect.Effect<PairingRequest, PairingNotFound | Forbidden>
    /** Forgets the device and its requests. `held`: the scopes of the caller. */
    remove(
      deviceId: string,
      held: ReadonlyArray<Scope>,
    ): Effect.Effect<void, DeviceNotFound | Forbidden | StorageUnavailable>
  }
>()("causeway/services/auth/Pairings") {
  static readonly layer: Layer.Layer<Pairings, never, Devices | Events> = Layer.effect(
    Pairings,
    Effect.gen(function* () {
      const devices = yield* Devices
      const events = yield* Events
      const waiting = new PairingRequests()

      const resolved = ({ deviceId, requestId }: PairingRequest, decision: PairingDecision) =>
        events.publishLive({ _tag: "PairingResolved", requestId, deviceId, decision })

      const ask = Effect.fnUntraced(function* (candidate: DeviceClaims, asked: AccessRequest, reason: PairingReason) {
        const { isNew, request, superseded } = waiting.put(candidate, asked, reason, yield* Clock.currentTimeMillis)
        if (superseded !== undefined) resolved(superseded, "superseded")
        if (isNew) events.publishLive({ _tag: "PairingRequested", request })
        return request
      })

      /** Ends the requests of a device that have become needless. */
      const settle = Effect.fnUntraced(function* (deviceId: string) {
        const device = devices.find(deviceId)
        for (const request of waiting.ofDevice(deviceId, yield* Clock.currentTimeMillis)) {
          if (pairingNeeded(device, request) !== undefined) continue
          waiting.take(request)
          resolved(request, "approved")
        }
      })

      /** Finds a request all of whose scopes the caller holds. */
      const find = Effect.fnUntraced(function* (requestId: string, method: string, held: ReadonlyArray<Scope>) {
        const now = yield* Clock.currentTimeMillis
        const request = waiting.find(requestId, now)
        if (request === undefined) {
          const successor = waiting.successor(requestId, now)
          return yield* new PairingNotFound({
            requestId,
            ...(successor !== undefined && { supersededBy: successor.requestId }),
          })
        }
        const missingScope = firstMissing(request.scopes, held)
        if (missingScope !== undefined) return yield* new Forbidden({ method, missingScope })
        return request
      })

      const admit = Effect.fn("Pairings.admit")(function* (
        candidate: DeviceClaims,
        asked: AccessRequest,
        direct: boolean,
      ) {
        const { deviceId } = candidate
        const known = devices.find(deviceId)
        const needed = pairingNeeded(known, asked)
        if (needed !== undefined && !direct) {
          const { requestId } = yield* ask(candidate, asked, needed)
          return yield* new PairingRequired({ requestId, deviceId, reason: needed })
        }
        if (needed === undefined && grantOf(known, asked.role)?.issuedAt !== null) return undefined
        const issued = yield* devices.issue(candidate, asked)
        yield* settle(deviceId)
        return issued
      })

      const recognize = Effect.fn("Pairings.recognize")(function* (
        candidate: DeviceClaims,
        asked: AccessRequest,
        token: Redacted.Redacted<string>,
      ) {
        const { deviceId } = candidate
        const grant = yield* devices.redeem({ deviceId, role: asked.role }, token)
        if (grant === undefined) return undefined
        const scopes = asked.scopes.filter((scope) => !grants(grant.scopes, scope))
        if (scopes.length === 0) return grant
        yield* ask(candidate, asked, "scope-upgrade")
        return yield* new ScopesNotGranted({ deviceId, scopes })
      })

      const approve = Effect.fn("Pairings.approve")(function* (
        requestId: string,
        held: ReadonlyArray<Scope>,
        expectedScopes?: ReadonlyArray<Scope>,
      ) {
        const request = yield* find(requestId, "devices.approve", held)
        const { role, scopes } = request
        if (expectedScopes !== undefined && !sameScopes(scopes, expectedScopes)) {
          return yield* new PairingScopesDiffer({ requestId, requestedScopes: scopes, expectedScopes })
        }
        // Taken before the write, so that nobody else decides on it meanwhile.
        waiting.take(request)
        const device = yield* Effect.tapCause(devices.grant(claimsOf(request), request), () =>
          Effect.sync(() => waiting.restore(request)),
        )
        resolved(request, "approved")
        yield* settle(device.deviceId)
        return { ...device, granted: { role, scopes } }
      })

      const reject = Effect.fn("Pairings.reject")(function* (requestId: string, held: ReadonlyArray<Scope>) {
        const request = yield* find(requestId, "devices.reject", held)
        waiting.take(request)
        resolved(request, "rejected")
        return request
      })

      const remove = Effect.fn("Pairings.remove")(function* (deviceId: string, held: ReadonlyArray<Scope>) {
        yield* devices.remove(deviceId, held)
        for (const request of waiting.ofDevice(deviceId, yield* Clock.currentTimeMillis)) {
          waiting.take(request)
          resolved(request, "rejected")
        }
      })

      return Pairings.of({
        requests: Effect.map(Clock.currentTimeMillis, (now) => waiting.all(now)),
        admit,
        recognize,
        approve,
        reject,
        remove,
      })
    }),
  )
}
