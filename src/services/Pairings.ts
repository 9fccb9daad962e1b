/**
 * Pairings: whether a device that has proved its key is let in, must first be approved, or is approved now. It takes
 * the proof for given; what a device may do and its tokens are kept by Devices.ts.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import {
  type Asked,
  type Candidate,
  candidateOf,
  type Device,
  type DeviceGrant,
  firstMissing,
  grantOf,
  type PairingDecision,
  pairingNeeded,
  PairingNotFound,
  type PairingReason,
  type PairingRequest,
  PairingRequired,
  ScopesNotGranted,
} from "../domain/Device.ts"
import { grants, type Scope } from "../domain/Principal.ts"
import { Forbidden } from "../domain/Refusal.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"
import { Devices, type IssuedToken } from "./Devices.ts"
import { Events } from "./Events.ts"
import { PairingRequests } from "./PairingRequests.ts"

export class Pairings extends Context.Service<
  Pairings,
  {
    /** Those who wait. */
    readonly requests: Effect.Effect<ReadonlyArray<PairingRequest>>
    /**
     * A device that has shown the gateway's secret. `direct`: nobody but a user of this machine can have sent it, so it
     * is paired, or given more, without asking. A token comes with what is new, and to a device that has none.
     */
    admit(
      candidate: Candidate,
      asked: Asked,
      direct: boolean,
    ): Effect.Effect<IssuedToken | undefined, PairingRequired | StorageUnavailable>
    /** A device that shows a token. Undefined: it is not its own. One that asks for more than it gives has to wait. */
    recognize(
      candidate: Candidate,
      asked: Asked,
      token: Redacted.Redacted<string>,
    ): Effect.Effect<DeviceGrant | undefined, ScopesNotGranted>
    /** `held`: the scopes of who approves. */
    approve(
      requestId: string,
      held: ReadonlyArray<Scope>,
    ): Effect.Effect<Device, PairingNotFound | Forbidden | StorageUnavailable>
    /** Answers whom it turned away. */
    reject(requestId: string): Effect.Effect<PairingRequest, PairingNotFound>
  }
>()("causeway/services/Pairings") {
  static readonly layer: Layer.Layer<Pairings, never, Devices | Events> = Layer.effect(
    Pairings,
    Effect.gen(function* () {
      const devices = yield* Devices
      const events = yield* Events
      const waiting = new PairingRequests()

      const ask = Effect.fnUntraced(function* (candidate: Candidate, asked: Asked, reason: PairingReason) {
        const { isNews, request } = waiting.put(candidate, asked, reason, yield* Clock.currentTimeMillis)
        if (isNews) events.live({ _tag: "PairingRequested", request })
        return request
      })

      const resolve = (request: PairingRequest, decision: PairingDecision) => {
        const { deviceId, requestId } = request
        waiting.remove(request)
        events.live({ _tag: "PairingResolved", requestId, deviceId, decision })
      }

      const find = Effect.fnUntraced(function* (requestId: string) {
        const request = waiting.find(requestId, yield* Clock.currentTimeMillis)
        return request ?? (yield* new PairingNotFound({ requestId }))
      })

      const admit = Effect.fn("Pairings.admit")(function* (candidate: Candidate, asked: Asked, direct: boolean) {
        const { deviceId } = candidate
        const known = devices.find(deviceId)
        const needed = pairingNeeded(known, asked)
        if (needed !== undefined && !direct) {
          const { requestId } = yield* ask(candidate, asked, needed)
          return yield* new PairingRequired({ requestId, deviceId, reason: needed })
        }
        if (needed === undefined && grantOf(known, asked.role)?.issuedAt !== null) return undefined
        const issued = yield* devices.issue(candidate, asked)
        const request = waiting.ofDevice(deviceId, yield* Clock.currentTimeMillis)
        if (request !== undefined) resolve(request, "approved")
        return issued
      })

      const recognize = Effect.fn("Pairings.recognize")(function* (
        candidate: Candidate,
        asked: Asked,
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

      const approve = Effect.fn("Pairings.approve")(function* (requestId: string, held: ReadonlyArray<Scope>) {
        const request = yield* find(requestId)
        const missingScope = firstMissing(request.scopes, held)
        if (missingScope !== undefined) return yield* new Forbidden({ method: "devices.approve", missingScope })
        const device = yield* devices.grant(candidateOf(request), request)
        resolve(request, "approved")
        return device
      })

      const reject = Effect.fn("Pairings.reject")(function* (requestId: string) {
        const request = yield* find(requestId)
        resolve(request, "rejected")
        return request
      })

      return Pairings.of({
        requests: Effect.map(Clock.currentTimeMillis, (now) => waiting.all(now)),
        admit,
        recognize,
        approve,
        reject,
      })
    }),
  )
}
