/**
 * DeviceHandlers: implements the methods `devices.*` on the services Devices and Pairings. A device that loses its token
 * or its pairing loses its connections.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { DeviceRpcs } from "../../domain/Device.ts"
import { CurrentConnection } from "../../domain/Principal.ts"
import { Connections } from "../connections/Connections.ts"
import { Devices } from "../auth/Devices.ts"
import { Pairings } from "../auth/Pairings.ts"

export const DeviceHandlers = DeviceRpcs.toLayer(
  Effect.gen(function* () {
    const connections = yield* Connections
    const devices = yield* Devices
    const pairings = yield* Pairings
    return DeviceRpcs.of({
      "devices.list": () => Effect.map(pairings.requests, (requests) => ({ devices: devices.all(), requests })),
      "devices.approve": Effect.fnUntraced(function* ({ expectedScopes, requestId }) {
        const { principal } = yield* CurrentConnection
        return yield* pairings.approve(requestId, principal.scopes, expectedScopes)
      }),
      "devices.reject": Effect.fnUntraced(function* ({ requestId }) {
        const { principal } = yield* CurrentConnection
        const { deviceId } = yield* pairings.reject(requestId, principal.scopes)
        return { deviceId }
      }),
      "devices.remove": Effect.fnUntraced(function* ({ deviceId }) {
        const caller = yield* CurrentConnection
        yield* pairings.remove(deviceId, caller.principal.scopes)
        connections.closeRevoked((principal) => principal.deviceId === deviceId, "device removed")
        return { deviceId }
      }),
      "devices.token.rotate": Effect.fnUntraced(function* ({ deviceId, role = "operator", scopes }) {
        const caller = yield* CurrentConnection
        const issued = yield* devices.rotate({ deviceId, role }, scopes, caller.principal.scopes)
        connections.closeRevoked(
          (principal, id) => principal.deviceId === deviceId && principal.role === role && id !== caller.id,
          "device token rotated",
        )
        return { deviceId, role, ...issued, token: Redacted.value(issued.token) }
      }),
      "devices.token.revoke": Effect.fnUntraced(function* ({ deviceId, role = "operator" }) {
        const caller = yield* CurrentConnection
        const revoked = yield* devices.revoke({ deviceId, role }, caller.principal.scopes)
        connections.closeRevoked(
          (principal) => principal.kind === "device" && principal.deviceId === deviceId && principal.role === role,
          "device token revoked",
        )
        return { revoked }
      }),
    })
  }),
)
