/**
 * Devices: clients that have a key of their own and are known by it, and what each may do. A device is paired once,
 * silently or by an operator's word, and then proves itself without the gateway's secret. How it proves itself on the
 * wire is the wire's matter.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { EpochMillis, Id, ID_CHARS, setOf, text } from "./Bounds.ts"
import { grants, RequiredScope, Role, Scope } from "./Principal.ts"
import { Authorized, Forbidden } from "./Refusal.ts"
import { StorageUnavailable } from "./Storage.ts"
import { Summary } from "./Summary.ts"

/** Facts that a device states about itself. Only the key is proved. */
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

/** What a device may do in one role, and the token by which it may, if it has one. The token itself is not kept. */
export const DeviceGrant = Schema.Struct({
  role: Role,
  scopes: Schema.Array(Scope),
  issuedAt: Schema.NullOr(EpochMillis),
  lastUsedAt: Schema.NullOr(EpochMillis),
}).annotate({ identifier: "DeviceGrant" })
export type DeviceGrant = typeof DeviceGrant.Type

export const Device = Schema.Struct({
  ...aboutItself,
  grants: Schema.Array(DeviceGrant),
  pairedAt: EpochMillis,
}).annotate({ identifier: "Device" })
export type Device = typeof Device.Type

/** Why a device must wait for an operator: it is unknown, or asks for a role or for scopes that it has not got. */
export const PairingReason = Schema.Literals(["not-paired", "role-upgrade", "scope-upgrade"])
export type PairingReason = typeof PairingReason.Type

/**
 * A device that waits for an operator's decision. An id stands for one key, role, set of scopes and set of names: a
 * device that asks for something else gets another id. A restart forgets requests; the device asks again.
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

/** What a device says of itself when it comes. */
export type Candidate = Omit<Device, "grants" | "pairedAt">

/** What it said of itself when it asked. */
export const candidateOf = (request: PairingRequest): Candidate => ({
  deviceId: request.deviceId,
  publicKey: request.publicKey,
  displayName: request.displayName,
  platform: request.platform,
  deviceFamily: request.deviceFamily,
  clientId: request.clientId,
  clientMode: request.clientMode,
  remoteAddress: request.remoteAddress,
})

/** A role and scopes: what a device asks for, or what an approval granted. */
export const Asked = Schema.Struct({ role: Role, scopes: Schema.Array(Scope) })
export type Asked = typeof Asked.Type

/** A paired device, with what the approval granted to it. */
export const Approval = Schema.Struct({ ...Device.fields, granted: Asked }).annotate({ identifier: "Approval" })
export type Approval = typeof Approval.Type

/** What a device that asks for this must first be given, if anything. */
export const pairingNeeded = (device: Pick<Device, "grants"> | undefined, asked: Asked): PairingReason | undefined => {
  if (device === undefined) return "not-paired"
  const grant = grantOf(device, asked.role)
  if (grant === undefined) return "role-upgrade"
  return firstMissing(asked.scopes, grant.scopes) === undefined ? undefined : "scope-upgrade"
}

export const grantOf = (device: Pick<Device, "grants"> | undefined, role: Role): DeviceGrant | undefined =>
  device?.grants.find((grant) => grant.role === role)

/** The device with what it asked for added to what it had. A grant that is new has no token. */
export const withGrant = (device: Device, { role, scopes }: Asked): Device => {
  const had = grantOf(device, role)
  const grant = had ?? { role, scopes, issuedAt: null, lastUsedAt: null }
  const all = [...new Set([...grant.scopes, ...scopes])]
  return { ...device, grants: [...device.grants.filter((other) => other !== had), { ...grant, scopes: all }] }
}

/** The device with one of its grants changed. */
export const withChange = (device: Device, role: Role, change: Partial<DeviceGrant>): Device => ({
  ...device,
  grants: device.grants.map((grant) => (grant.role === role ? { ...grant, ...change } : grant)),
})

/** The first of the scopes that none of the held ones grants. */
export const firstMissing = (scopes: ReadonlyArray<Scope>, held: ReadonlyArray<Scope>): Scope | undefined =>
  scopes.find((scope) => !grants(held, scope))

/** Returns whether both lists name the same scopes, in any order. */
export const sameScopes = (one: ReadonlyArray<Scope>, other: ReadonlyArray<Scope>): boolean =>
  one.every((scope) => other.includes(scope)) && other.every((scope) => one.includes(scope))

/** The device has to be approved by an operator first, who finds the request under this id. */
export class PairingRequired extends Schema.TaggedError<PairingRequired>()("PairingRequired", {
  requestId: Schema.String,
  deviceId: Schema.String,
  reason: PairingReason,
}) {}

/** The device's token does not give these scopes. */
export class ScopesNotGranted extends Schema.TaggedError<ScopesNotGranted>()("ScopesNotGranted", {
  deviceId: Schema.String,
  scopes: Schema.Array(Scope),
}) {}

export class DeviceNotFound extends Schema.TaggedError<DeviceNotFound>()("DeviceNotFound", {
  deviceId: Schema.String,
}) {}

export class PairingNotFound extends Schema.TaggedError<PairingNotFound>()("PairingNotFound", {
  requestId: Schema.String,
  /** The request that replaced it: the same device asks for something else. */
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
})
  .annotate(RequiredScope, "operator.pairing")
  .annotate(Summary, "The paired devices, and those that wait to be approved.")

const approve = Rpc.make("devices.approve", {
  payload: {
    requestId: Id,
    /** The scopes that the operator has seen. The call fails if the request asks for others. */
    expectedScopes: Schema.optionalKey(Schema.Array(Scope)),
  },
  success: Approval,
  error: Schema.Union([PairingNotFound, PairingScopesDiffer, Forbidden, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.pairing")
  .annotate(
    Summary,
    "Grants a waiting device what it asks for, and answers what that is. The caller must hold every scope of the request.",
  )

const reject = Rpc.make("devices.reject", {
  payload: { requestId: Id },
  success: Schema.Struct({ deviceId: Schema.String }),
  error: Schema.Union([PairingNotFound, Forbidden]),
})
  .annotate(RequiredScope, "operator.pairing")
  .annotate(Summary, "Turns away a waiting device. It may ask again. The caller must hold every scope of the request.")

const remove = Rpc.make("devices.remove", {
  payload: { deviceId: Id },
  success: Schema.Struct({ deviceId: Schema.String }),
  error: Schema.Union([DeviceNotFound, Forbidden, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.pairing")
  .annotate(
    Summary,
    "Forgets a device: its tokens end and its connections are closed. The caller must hold every scope of the device.",
  )

const ofRole = {
  deviceId: Id,
  /** `operator` by default. */
  role: Schema.optionalKey(Role),
}

const rotate = Rpc.make("devices.token.rotate", {
  payload: {
    ...ofRole,
    /** Left out: as before. It can have fewer scopes than before, never more. */
    scopes: Schema.optionalKey(setOf(Scope)),
  },
  success: Schema.Struct({
    deviceId: Schema.String,
    role: Role,
    scopes: Schema.Array(Scope),
    /** Told this once: the gateway keeps its hash. */
    token: Schema.String,
    issuedAt: EpochMillis,
  }),
  error: Schema.Union([DeviceNotFound, ScopesNotGranted, Forbidden, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.pairing")
  .annotate(
    Summary,
    "Gives a device a new token. The old token ends, and its connections are closed. The caller must hold every scope that the device has in this role.",
  )

const revoke = Rpc.make("devices.token.revoke", {
  payload: ofRole,
  success: Schema.Struct({ revoked: Schema.Boolean }),
  error: Schema.Union([DeviceNotFound, Forbidden, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.pairing")
  .annotate(
    Summary,
    "Ends a device's token and closes its connections. The device stays paired. The caller must hold every scope that the device has in this role.",
  )

export const DeviceRpcs = RpcGroup.make(list, approve, reject, remove, rotate, revoke).middleware(Authorized)
