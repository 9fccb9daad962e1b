/**
 * Devices: clients with their own key, and the scopes of each. A device is paired once, either silently or by an operator.
 * Afterwards it signs in without the gateway's secret. The wire defines how it proves its key.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { EpochMillis, Id, ID_CHARS, setOf, text } from "./Bounds.ts"
import { grants, RequiredScope, Role, Scope } from "./Principal.ts"
import { Authorized, Forbidden } from "./Refusal.ts"
import { StorageUnavailable } from "./Storage.ts"

/** Facts that a device states about itself. The gateway verifies only the key. */
const aboutItself = {
  /** The fingerprint of the device's key: SHA-256 in hexadecimal. */
  deviceId: Schema.String.annotateKey({ description: "The fingerprint of the device's key: SHA-256 in hexadecimal." }),
  publicKey: Schema.String,
  displayName: Schema.NullOr(text(ID_CHARS)),
  platform: Schema.NullOr(text(ID_CHARS)),
  deviceFamily: Schema.NullOr(text(ID_CHARS)),
  clientId: Schema.NullOr(text(ID_CHARS)),
  clientMode: Schema.NullOr(text(ID_CHARS)),
  remoteAddress: Schema.String,
}

/** The scopes of a device in one role, and the times of its token. The gateway keeps only the hash of the token. */
export const DeviceGrant = Schema.Struct({
  role: Role,
  scopes: Schema.Array(Scope),
  issuedAt: Schema.NullOr(EpochMillis),
  lastUsedAt: Schema.NullOr(EpochMillis),
}).annotate({ identifier: "DeviceGrant" })
export type DeviceGrant = typeof DeviceGrant.Type

/** Names one token of a device: each role has its own. */
export interface TokenOf {
  readonly deviceId: string
  readonly role: Role
}

export const Device = Schema.Struct({
  ...aboutItself,
  grants: Schema.Array(DeviceGrant),
  pairedAt: EpochMillis,
}).annotate({ identifier: "Device" })
export type Device = typeof Device.Type

/** Why a device must wait for an operator: it is unknown, or it asks for a role or for scopes that it does not have. */
export const PairingReason = Schema.Literals(["not-paired", "role-upgrade", "scope-upgrade"])
export type PairingReason = typeof PairingReason.Type

/**
 * A device that waits for an operator's decision. An id stands for one key, role, set of scopes and set of names. A
 * device that asks for something else gets another id. Requests do not survive a restart; the device asks again.
 */
export const PairingRequest = Schema.Struct({
  requestId: Schema.String,
  /** The request of the same device and role that this one replaced. */
  supersedes: Schema.NullOr(Schema.String),
  ...aboutItself,
  role: Role,
  scopes: Schema.Array(Scope),
  reason: PairingReason,
  requestedAt: EpochMillis,
}).annotate({ identifier: "PairingRequest" })
export type PairingRequest = typeof PairingRequest.Type

/** `superseded`: the device asked for something else, under another id. */
export const PairingDecision = Schema.Literals(["approved", "rejected", "superseded"])
export type PairingDecision = typeof PairingDecision.Type

/** The facts that a device states about itself when it connects. */
export type DeviceClaims = Omit<Device, "grants" | "pairedAt">

/** Returns the facts that the device stated with its request. */
export const claimsOf = (request: PairingRequest): DeviceClaims => ({
  deviceId: request.deviceId,
  publicKey: request.publicKey,
  displayName: request.displayName,
  platform: request.platform,
  deviceFamily: request.deviceFamily,
  clientId: request.clientId,
  clientMode: request.clientMode,
  remoteAddress: request.remoteAddress,
})

/** A role and scopes, either requested by a device or granted by an approval. */
export const AccessRequest = Schema.Struct({ role: Role, scopes: Schema.Array(Scope) })
export type AccessRequest = typeof AccessRequest.Type

/** A paired device, with the role and scopes that the approval granted. */
export const DeviceApproval = Schema.Struct({ ...Device.fields, granted: AccessRequest }).annotate({
  identifier: "DeviceApproval",
})
export type DeviceApproval = typeof DeviceApproval.Type

/** Returns why a device needs an approval first. Returns `undefined` if it already has the role and the scopes. */
export const pairingNeeded = (
  device: Pick<Device, "grants"> | undefined,
  request: AccessRequest,
): PairingReason | undefined => {
  if (device === undefined) return "not-paired"
  const grant = grantOf(device, request.role)
  if (grant === undefined) return "role-upgrade"
  return firstMissing(request.scopes, grant.scopes) === undefined ? undefined : "scope-upgrade"
}

export const grantOf = (device: Pick<Device, "grants"> | undefined, role: Role): DeviceGrant | undefined =>
  device?.grants.find((grant) => grant.role === role)

/** Returns the device with the role and scopes added. A new grant has no token yet. */
export const withGrant = (device: Device, { role, scopes }: AccessRequest): Device => {
  const had = grantOf(device, role)
  const grant = had ?? { role, scopes, issuedAt: null, lastUsedAt: null }
  const all = [...new Set([...grant.scopes, ...scopes])]
  return { ...device, grants: [...device.grants.filter((other) => other !== had), { ...grant, scopes: all }] }
}

/** Returns the device with its grant of that role changed. */
export const withChange = (device: Device, role: Role, change: Partial<DeviceGrant>): Device => ({
  ...device,
  grants: device.grants.map((grant) => (grant.role === role ? { ...grant, ...change } : grant)),
})

/** Returns the first scope that the held scopes do not grant. */
export const firstMissing = (scopes: ReadonlyArray<Scope>, held: ReadonlyArray<Scope>): Scope | undefined =>
  scopes.find((scope) => !grants(held, scope))

/** Returns whether both lists name the same scopes, in any order. */
export const sameScopes = (one: ReadonlyArray<Scope>, other: ReadonlyArray<Scope>): boolean =>
  one.every((scope) => other.includes(scope)) && other.every((scope) => one.includes(scope))

/** An operator must approve the device first. The operator finds the request under this id. */
export class PairingRequired extends Schema.TaggedError<PairingRequired>()("PairingRequired", {
  requestId: Schema.String,
  deviceId: Schema.String,
  reason: PairingReason,
}) {}

/** The token of the device does not grant these scopes. */
export class ScopesNotGranted extends Schema.TaggedError<ScopesNotGranted>()("ScopesNotGranted", {
  deviceId: Schema.String,
  scopes: Schema.Array(Scope),
}) {}

export class DeviceNotFound extends Schema.TaggedError<DeviceNotFound>()("DeviceNotFound", {
  deviceId: Schema.String,
}) {}

export class PairingNotFound extends Schema.TaggedError<PairingNotFound>()("PairingNotFound", {
  requestId: Schema.String,
  /** The newer request of the same device, which asks for something else. */
  supersededBy: Schema.optionalKey(Schema.String),
}) {}

/** The request asks for other scopes than the operator expected. */
export class PairingScopesDiffer extends Schema.TaggedError<PairingScopesDiffer>()("PairingScopesDiffer", {
  requestId: Schema.String,
  requestedScopes: Schema.Array(Scope),
  expectedScopes: Schema.Array(Scope),
}) {}

const list = Rpc.make("devices.list", {
  payload: {},
  success: Schema.Struct({ devices: Schema.Array(Device), requests: Schema.Array(PairingRequest) }),
}).annotate(RequiredScope, "operator.pairing")

const approve = Rpc.make("devices.approve", {
  payload: {
    requestId: Id,
    /** The scopes that the operator has seen. The call fails if the request asks for others. */
    expectedScopes: Schema.optionalKey(setOf(Scope)),
  },
  success: DeviceApproval,
  error: Schema.Union([PairingNotFound, PairingScopesDiffer, Forbidden, StorageUnavailable]),
}).annotate(RequiredScope, "operator.pairing")

const reject = Rpc.make("devices.reject", {
  payload: { requestId: Id },
  success: Schema.Struct({ deviceId: Schema.String }),
  error: Schema.Union([PairingNotFound, Forbidden]),
}).annotate(RequiredScope, "operator.pairing")

const remove = Rpc.make("devices.remove", {
  payload: { deviceId: Id },
  success: Schema.Struct({ deviceId: Schema.String }),
  error: Schema.Union([DeviceNotFound, Forbidden, StorageUnavailable]),
}).annotate(RequiredScope, "operator.pairing")

const ofRole = {
  deviceId: Id,
  /** `operator` by default. */
  role: Schema.optionalKey(Role),
}

const rotate = Rpc.make("devices.token.rotate", {
  payload: {
    ...ofRole,
    /** Left out: the same scopes as before. The new token can have fewer scopes, never more. */
    scopes: Schema.optionalKey(setOf(Scope)),
  },
  success: Schema.Struct({
    deviceId: Schema.String,
    role: Role,
    scopes: Schema.Array(Scope),
    /** Returned only this once: the gateway keeps the hash. */
    token: Schema.String,
    issuedAt: EpochMillis,
  }),
  error: Schema.Union([DeviceNotFound, ScopesNotGranted, Forbidden, StorageUnavailable]),
}).annotate(RequiredScope, "operator.pairing")

const revoke = Rpc.make("devices.token.revoke", {
  payload: ofRole,
  success: Schema.Struct({ revoked: Schema.Boolean }),
  error: Schema.Union([DeviceNotFound, Forbidden, StorageUnavailable]),
}).annotate(RequiredScope, "operator.pairing")

export const DeviceRpcs = RpcGroup.make(list, approve, reject, remove, rotate, revoke).middleware(Authorized)
