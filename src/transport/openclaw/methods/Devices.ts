/**
 * Devices: the methods by which operators pair devices, and the views of devices and pairing requests. Events.ts uses
 * the view of a request.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Device, DeviceGrant, PairingRequest } from "../../../domain/Device.ts"
import { Role, Scope } from "../../../domain/Principal.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { given, hasText, trimmed } from "../../dialect/Params.ts"
import { id, invalid, name, names, NoParams } from "../wire/Params.ts"
import { now } from "./SessionQueries.ts"

type Profile = Pick<Device, "displayName" | "platform" | "deviceFamily" | "clientId" | "clientMode" | "remoteAddress">

const profileFields = ({ clientId, clientMode, deviceFamily, displayName, platform, remoteAddress }: Profile) =>
  given({ displayName, platform, deviceFamily, clientId, clientMode, remoteIp: trimmed(remoteAddress) })

/** The payload of `device.pair.requested`. The published schema allows no other members. */
export const pairingRow = (request: PairingRequest) => ({
  requestId: request.requestId,
  deviceId: request.deviceId,
  publicKey: request.publicKey,
  ...profileFields(request),
  role: request.role,
  roles: [request.role],
  scopes: request.scopes,
  silent: false,
  isRepair: request.reason !== "not-paired",
  ts: Math.floor(request.requestedAt),
})

/** A row of `device.pair.list`. `deviceId` is the fingerprint of the device's key. */
const pendingRow = (request: PairingRequest) => ({
  ...pairingRow(request),
  reason: request.reason,
  ...given({ supersedes: request.supersedes }),
})

const tokenRow = ({ issuedAt, lastUsedAt, role, scopes }: DeviceGrant) =>
  given({ role, scopes, createdAtMs: issuedAt, lastUsedAtMs: lastUsedAt })

const deviceRow = (device: Device) => {
  const roles = device.grants.map(({ role }) => role)
  // Clients read one role and one list of scopes. A device that is also a node shows its rights as an operator.
  const role = roles.find((role) => role === "operator") ?? roles[0]
  const scopes = [...new Set(device.grants.flatMap(({ scopes }) => scopes))]
  return {
    deviceId: device.deviceId,
    publicKey: device.publicKey,
    ...profileFields(device),
    ...given({ role }),
    scopes,
    approvedScopes: scopes,
    roles,
    tokens: device.grants.filter(({ issuedAt }) => issuedAt !== null).map(tokenRow),
    createdAtMs: device.pairedAt,
    approvedAtMs: device.pairedAt,
  }
}

/** Lists devices and pairing requests. A client that may read presence also gets which devices are connected. */
const list = dialectMethod(NoParams, () =>
  Effect.gen(function* () {
    const { devices, requests } = yield* call("devices.list", {})
    const presence = yield* Effect.orElseSucceed(call("presence.list", {}), () => undefined)
    const connected = presence && new Set(presence.presence.map(({ deviceId }) => deviceId))
    const pairedRow = (device: Device) => ({
      ...deviceRow(device),
      ...(connected !== undefined && { connected: connected.has(device.deviceId) }),
    })
    return { pending: requests.map(pendingRow), paired: devices.map(pairedRow) }
  }),
)

const isRole = Schema.is(Role)
const isScope = Schema.is(Scope)

/** `expectedScopes` is an addition to the published schema: the call fails if the request has other scopes. */
const approve = dialectMethod(
  Schema.Struct({ requestId: id, expectedScopes: names }),
  ({ expectedScopes: expected, requestId }) => {
    if (!hasText(requestId)) return invalid("requestId is required")
    const expectedScopes = expected?.filter((scope) => isScope(scope))
    if (expectedScopes?.length !== expected?.length) return invalid("expectedScopes has an unknown scope")
    return Effect.map(
      call("devices.approve", { requestId, ...given({ expectedScopes }) }),
      ({ granted, ...device }) => ({ requestId, device: deviceRow(device), granted }),
    )
  },
)

const reject = dialectMethod(Schema.Struct({ requestId: id }), ({ requestId }) => {
  if (!hasText(requestId)) return invalid("requestId is required")
  return Effect.map(call("devices.reject", { requestId }), ({ deviceId }) => ({ requestId, deviceId }))
})

const remove = dialectMethod(Schema.Struct({ deviceId: id }), ({ deviceId }) => {
  if (!hasText(deviceId)) return invalid("deviceId is required")
  return Effect.map(call("devices.remove", { deviceId }), ({ deviceId }) => ({ deviceId }))
})

const UNKNOWN_ROLE = "role must be operator or node"

/** Whether the role exists or is left out. An unknown role must not become the default, the operator's. */
const isRoleOrNone = (role: string | null | undefined): role is Role | null | undefined => role == null || isRole(role)

/** Drops unknown scopes: the token has the same rights without them. */
const rotate = dialectMethod(
  Schema.Struct({ deviceId: id, role: name, scopes: names }),
  ({ deviceId, role, scopes }) => {
    if (!hasText(deviceId)) return invalid("deviceId is required")
    if (!isRoleOrNone(role)) return invalid(UNKNOWN_ROLE)
    const grant = given({ role, scopes: scopes?.filter((scope) => isScope(scope)) })
    return Effect.map(
      call("devices.token.rotate", { deviceId, ...grant }),
      ({ deviceId, issuedAt, role, scopes, token }) => ({
        deviceId,
        role,
        token,
        scopes,
        rotatedAtMs: Math.floor(issuedAt),
        tokenDelivery: "in-band",
      }),
    )
  },
)

const revoke = dialectMethod(Schema.Struct({ deviceId: id, role: name }), ({ deviceId, role }) => {
  if (!hasText(deviceId)) return invalid("deviceId is required")
  if (!isRoleOrNone(role)) return invalid(UNKNOWN_ROLE)
  return Effect.gen(function* () {
    yield* call("devices.token.revoke", { deviceId, ...given({ role }) })
    return { deviceId, role: role ?? "operator", revokedAtMs: yield* now() }
  })
})

export const deviceMethods: ReadonlyArray<Row> = [
  ["device.pair.list", "operator.pairing", list],
  ["device.pair.approve", "operator.pairing", approve],
  ["device.pair.reject", "operator.pairing", reject],
  ["device.pair.remove", "operator.pairing", remove],
  ["device.token.rotate", "operator.pairing", rotate],
  ["device.token.revoke", "operator.pairing", revoke],
]
