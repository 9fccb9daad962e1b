/**
 * Pairings: decides on devices that have proved their key. A device is authorized at once, or it waits until an operator
 * approves or rejects its request. Authenticator and DeviceHandlers use it. Devices keeps grants and tokens.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  type DeviceApproval,
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
import { EventBus } from "../storage/EventBus.ts"
import { PairingRequests } from "./PairingRequests.ts"
import type { Secret } from "./Secret.ts"

export class Pairings extends Context.Service<
  Pairings,
  {
    /** Returns the devices that wait for an operator, oldest request first. */
    readonly requests: Effect.Effect<ReadonlyArray<PairingRequest>>
    /**
     * Authorizes a device that has presented a shared secret. Returns a token if the device has none or gets a wider
     * grant, or else `undefined`. `direct`: the client runs on this machine, so the device needs no approval.
     *
     * Fails with `PairingRequired` if an operator must approve the device first, and with `StorageUnavailable` if the
     * grant cannot be stored.
     */
    authorizeDevice(
      claims: DeviceClaims,
      access: AccessRequest,
      direct: boolean,
    ): Effect.Effect<IssuedToken | undefined, PairingRequired | StorageUnavailable>
    /**
     * Authenticates a device by its own token. Returns its grant, or `undefined` if the device does not have this token
     * in this role. Fails with `ScopesNotGranted` if the grant lacks a requested scope; then the device waits for an
     * operator.
     */
    authenticateDevice(
      claims: DeviceClaims,
      access: AccessRequest,
      token: Secret,
    ): Effect.Effect<DeviceGrant | undefined, ScopesNotGranted | StorageUnavailable>
    /**
     * Grants a request and publishes `PairingResolved`. `held`: the scopes of the caller.
     *
     * Fails with `PairingNotFound` if the request does not wait, with `Forbidden` if the caller lacks one of its scopes,
     * and with `PairingScopesDiffer` if it requests other scopes than `expectedScopes`. After `StorageUnavailable` the
     * request still waits.
     */
    approve(
      requestId: string,
      held: ReadonlyArray<Scope>,
      expectedScopes?: ReadonlyArray<Scope>,
    ): Effect.Effect<DeviceApproval, PairingNotFound | PairingScopesDiffer | Forbidden | StorageUnavailable>
    /** Rejects a request and returns it. The device may request again. `held`, errors: as for `approve`. */
    reject(requestId: string, held: ReadonlyArray<Scope>): Effect.Effect<PairingRequest, PairingNotFound | Forbidden>
    /** Removes the device and rejects its requests. Errors: as for `Devices.remove`. `held`: the scopes of the caller. */
    remove(
      deviceId: string,
      held: ReadonlyArray<Scope>,
    ): Effect.Effect<void, DeviceNotFound | Forbidden | StorageUnavailable>
  }
>()("causeway/services/auth/Pairings") {
  static readonly layer: Layer.Layer<Pairings, never, Devices | EventBus | Events> = Layer.effect(
    Pairings,
    Effect.gen(function* () {
      const devices = yield* Devices
      const events = yield* Events
      const bus = yield* EventBus
      const waiting = new PairingRequests()
      yield* bus.subscribe("PairingWaits", ({ request }) => waiting.add(request))
      yield* bus.subscribe("PairingEnded", ({ request }) => waiting.remove(request))

      const remove = (request: PairingRequest): void => {
        waiting.remove(request)
        bus.publish({ _tag: "PairingEnded", request })
      }

      const restore = (request: PairingRequest): void => {
        if (waiting.restore(request)) bus.publish({ _tag: "PairingWaits", request })
      }

      const publishDecision = ({ deviceId, requestId }: PairingRequest, decision: PairingDecision) =>
        events.publishLive({ _tag: "PairingResolved", requestId, deviceId, decision })

      /** Adds a request to the table, unless a waiting request covers it. */
      const requestApproval = Effect.fnUntraced(function* (
        claims: DeviceClaims,
        access: AccessRequest,
        reason: PairingReason,
      ) {
        const { isNew, request, superseded } = waiting.put(claims, access, reason, yield* Clock.currentTimeMillis)
        bus.publish({ _tag: "PairingWaits", request })
        if (superseded !== undefined) publishDecision(superseded, "superseded")
        if (isNew) events.publishLive({ _tag: "PairingRequested", request })
        return request
      })

      /** Ends the requests of a device that its grants now cover. */
      const endCovered = Effect.fnUntraced(function* (deviceId: string) {
        const device = devices.find(deviceId)
        for (const request of waiting.ofDevice(deviceId, yield* Clock.currentTimeMillis)) {
          if (pairingNeeded(device, request) !== undefined) continue
          remove(request)
          publishDecision(request, "approved")
        }
      })

      /** Finds a waiting request. Fails if the caller lacks one of its scopes. */
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

      const authorizeDevice = Effect.fn("Pairings.authorizeDevice")(function* (
        claims: DeviceClaims,
        access: AccessRequest,
        direct: boolean,
      ) {
        const { deviceId } = claims
        const device = devices.find(deviceId)
        const reason = pairingNeeded(device, access)
        if (reason !== undefined && !direct) {
          const { requestId } = yield* requestApproval(claims, access, reason)
          return yield* new PairingRequired({ requestId, deviceId, reason })
        }
        if (reason === undefined && grantOf(device, access.role)?.issuedAt !== null) return undefined
        const issued = yield* devices.issue(claims, access)
        yield* endCovered(deviceId)
        return issued
      })

      const authenticateDevice = Effect.fn("Pairings.authenticateDevice")(function* (
        claims: DeviceClaims,
        access: AccessRequest,
        token: Secret,
      ) {
        const { deviceId } = claims
        const grant = yield* devices.verifyToken({ deviceId, role: access.role }, token)
        if (grant === undefined) return undefined
        const scopes = access.scopes.filter((scope) => !grants(grant.scopes, scope))
        if (scopes.length === 0) return grant
        yield* requestApproval(claims, access, "scope-upgrade")
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
        // Removed before the write, so that no other operator decides on it meanwhile.
        remove(request)
        const device = yield* Effect.tapCause(devices.grant(claimsOf(request), request), () =>
          Effect.sync(() => restore(request)),
        )
        publishDecision(request, "approved")
        yield* endCovered(device.deviceId)
        return { ...device, granted: { role, scopes } }
      })

      const reject = Effect.fn("Pairings.reject")(function* (requestId: string, held: ReadonlyArray<Scope>) {
        const request = yield* find(requestId, "devices.reject", held)
        remove(request)
        publishDecision(request, "rejected")
        return request
      })

      const removeDevice = Effect.fn("Pairings.remove")(function* (deviceId: string, held: ReadonlyArray<Scope>) {
        yield* devices.remove(deviceId, held)
        for (const request of waiting.ofDevice(deviceId, yield* Clock.currentTimeMillis)) {
          remove(request)
          publishDecision(request, "rejected")
        }
      })

      return Pairings.of({
        requests: Effect.map(Clock.currentTimeMillis, (now) => waiting.all(now)),
        authorizeDevice,
        authenticateDevice,
        approve,
        reject,
        remove: removeDevice,
      })
    }),
  )
}
