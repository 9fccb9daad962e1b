/**
 * Devices: the methods of operators that pair devices, and the views of devices and pairing requests. Pure.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { PresenceEntry } from "../../../domain/Connection.ts"
import type { Device, DeviceGrant, PairingRequest } from "../../../domain/Device.ts"
import { Role, Scope } from "../../../domain/Principal.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call, type Query } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { trimmed, given } from "../../dialect/Params.ts"
import { id, invalid, name, names, Nothing } from "../wire/Params.ts"
import { now } from "./SessionQueries.ts"

type About = Pick<Device, "displayName" | "platform" | "deviceFamily" | "clientId" | "clientMode" | "remoteAddress">

const about = ({ clientId, clientMode, deviceFamily, displayName, platform, remoteAddress }: About) =>
  given({ displayName, platform, deviceFamily, clientId, clientMode, remoteIp: trimmed(remoteAddress) })

/** The payload of `device.pair.requested`. Its published schema takes no other members. */
export const pairingRow = (request: PairingRequest) => ({
  requestId: request.requestId,
  deviceId: request.deviceId,
  publicKey: request.publicKey,
  ...about(request),
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

export const deviceRow = (device: Device) => {
  const roles = device.grants.map(({ role }) => role)
  // Clients read one role and one list of scopes; a device that is also a node must not hide what it may do.
  const role = roles.find((role) => role === "operator") ?? roles[0]
  const scopes = [...new Set(device.grants.flatMap(({ scopes }) => scopes))]
  return {
    deviceId: device.deviceId,
    publicKey: device.publicKey,
    ...about(device),
    ...given({ role }),
    scopes,
    approvedScopes: scopes,
    roles,
    tokens: device.grants.filter(({ issuedAt }) => issuedAt !== null).map(tokenRow),
    createdAtMs: device.pairedAt,
    approvedAtMs: device.pairedAt,
  }
}

/** With who of them is here, for those who may know that. */
const list = dialectMethod(Nothing, () => {
  const listed = Effect.map(call("devices.list", {}), (listed) => listed)
  const presence: Query<ReadonlyArray<PresenceEntry>> = Effect.map(
    call("presence.list", {}),
    ({ presence }) => presence,
  )
  return Effect.map(
    Effect.all({ listed, presence: Effect.orElseSucceed(presence, () => undefined) }),
    ({ listed: { devices, requests }, presence }) => {
      const here = presence && new Set(presence.map(({ deviceId }) => deviceId))
      const paired = devices.map((device) => ({
        ...deviceRow(device),
        ...(here !== undefined && { connected: here.has(device.deviceId) }),
      }))
      return { pending: requests.map(pendingRow), paired }
    },
  )
})

const isRole = Schema.is(Role)
const isScope = Schema.is(Scope)

const OfRequest = Schema.Struct({ requestId: id })

/** `expectedScopes` is an addition to the published schema: the call fails if the request asks for others. */
const approve = dialectMethod(
  Schema.Struct({ requestId: id, expectedScopes: names }),
  ({ expectedScopes: expected, requestId }) => {
    if (trimmed(requestId) === undefined) return invalid("requestId is required")
    const expectedScopes = expected?.filter((scope) => isScope(scope))
    if (expectedScopes?.length !== expected?.length) return invalid("expectedScopes has an unknown scope")
    return Effect.map(
      call("devices.approve", { requestId: requestId!, ...given({ expectedScopes }) }),
      ({ granted, ...device }) => ({ requestId, device: deviceRow(device), granted }),
    )
  },
)

const reject = dialectMethod(OfRequest, ({ requestId }) =>
  trimmed(requestId) === undefined
    ? invalid("requestId is required")
    : Effect.map(call("devices.reject", { requestId: requestId! }), ({ deviceId }) => ({ requestId, deviceId })),
)

const remove = dialectMethod(Schema.Struct({ deviceId: id }), ({ deviceId }) =>
  trimmed(deviceId) === undefined
    ? invalid("deviceId is required")
    : Effect.map(call("devices.remove", { deviceId: deviceId! }), ({ deviceId }) => ({ deviceId })),
)

const UNKNOWN_ROLE = "role must be operator or node"

/** A token of another role must not be taken for the operator's. */
const isRoleOrNone = (role: string | null | undefined): role is Role | null | undefined => role == null || isRole(role)

/** Drops scopes that this gateway does not have: a token without them can do as much. */
const rotate = dialectMethod(
  Schema.Struct({ deviceId: id, role: name, scopes: names }),
  ({ deviceId, role, scopes }) => {
    if (trimmed(deviceId) === undefined) return invalid("deviceId is required")
    if (!isRoleOrNone(role)) return invalid(UNKNOWN_ROLE)
    const asked = { ...given({ role, scopes: scopes?.filter((scope) => isScope(scope)) }) }
    return Effect.map(
      call("devices.token.rotate", { deviceId: deviceId!, ...asked }),
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
  if (trimmed(deviceId) === undefined) return invalid("deviceId is required")
  if (!isRoleOrNone(role)) return invalid(UNKNOWN_ROLE)
  const asked = { ...given({ role }) }
  const revoked = Effect.map(call("devices.token.revoke", { deviceId: deviceId!, ...asked }), ({ revoked }) => revoked)
  return Effect.map(Effect.all({ revoked, at: now() }), ({ at }) => ({
    deviceId,
    role: role ?? "operator",
    revokedAtMs: at,
  }))
})

export const deviceMethods: ReadonlyArray<Row> = [
  ["device.pair.list", "operator.pairing", list],
  ["device.pair.approve", "operator.pairing", approve],
  ["device.pair.reject", "operator.pairing", reject],
  ["device.pair.remove", "operator.pairing", remove],
  ["device.token.rotate", "operator.pairing", rotate],
  ["device.token.revoke", "operator.pairing", revoke],
]
