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

/** What a device says of itself. Nothing of it is proved but the key. */
const aboutItself = {
  /** The key's fingerprint: SHA-256 in hexadecimal. */
  deviceId: Schema.String,
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

/** A device that waits for an operator's word. Not kept over a restart: the device asks again when it comes back. */
export const PairingRequest = Schema.Struct({
  requestId: Schema.String,
  ...aboutItself,
  role: Role,
  scopes: Schema.Array(Scope),
  reason: PairingReason,
  requestedAt: EpochMillis,
}).annotate({ identifier: "PairingRequest" })
export type PairingRequest = typeof PairingRequest.Type

export const PairingDecision = Schema.Literals(["approved", "rejected"])

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

/** What it asks for. */
export interface Asked {
  readonly role: Role
  readonly scopes: ReadonlyArray<Scope>
}

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
}) {}

const list = Rpc.make("devices.list", {
  payload: {},
  success: Schema.Struct({ devices: Schema.Array(Device), requests: Schema.Array(PairingRequest) }),
})
  .annotate(RequiredScope, "operator.pairing")
  .annotate(Summary, "The paired devices, and those that wait to be approved.")

const approve = Rpc.make("devices.approve", {
  payload: { requestId: Id },
  success: Device,
  error: Schema.Union([PairingNotFound, Forbidden, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.pairing")
  .annotate(Summary, "Lets a device in that waits. Nobody can give a device scopes that they do not hold themselves.")

const reject = Rpc.make("devices.reject", {
  payload: { requestId: Id },
  success: Schema.Struct({ deviceId: Schema.String }),
  error: PairingNotFound,
})
  .annotate(RequiredScope, "operator.pairing")
  .annotate(Summary, "Turns away a device that waits. It may ask again.")

const remove = Rpc.make("devices.remove", {
  payload: { deviceId: Id },
  success: Schema.Struct({ deviceId: Schema.String }),
  error: Schema.Union([DeviceNotFound, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.pairing")
  .annotate(Summary, "Forgets a device: its tokens are worth nothing and its connections are closed.")

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
    "Gives a device a new token. The old one is worth nothing, and what was connected by it is closed.",
  )

const revoke = Rpc.make("devices.token.revoke", {
  payload: ofRole,
  success: Schema.Struct({ revoked: Schema.Boolean }),
  error: Schema.Union([DeviceNotFound, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.pairing")
  .annotate(Summary, "Takes a device's token away and closes what was connected by it. The device stays paired.")

export const DeviceRpcs = RpcGroup.make(list, approve, reject, remove, rotate, revoke).middleware(Authorized)
