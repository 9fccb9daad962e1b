/**
 * Connections: the schemas of presence and connections, and the methods to list, authenticate and close them.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { EpochMillis, Id, SECRET_CHARS, text } from "./Bounds.ts"
import { Principal, RequiredScope, Role, Scope } from "./Principal.ts"
import { Authorized, Unauthenticated } from "./Refusal.ts"

/** Facts that a client states about itself, if its protocol has fields for them. The gateway does not verify them. */
const profile = {
  version: Schema.optionalKey(Schema.String),
  /** E.g. `linux`, `macos 15.1`. */
  platform: Schema.optionalKey(Schema.String),
  /** E.g. `iPhone`. */
  deviceFamily: Schema.optionalKey(Schema.String),
  /** E.g. `iPhone17,1`. */
  modelIdentifier: Schema.optionalKey(Schema.String),
  timeZone: Schema.optionalKey(Schema.String),
  /** The kind of client, e.g. `cli`, `ui`. */
  mode: Schema.optionalKey(Schema.String),
  /** Lets a client find its own entry among others of its kind. */
  instanceId: Schema.optionalKey(Schema.String),
}
export const ClientProfile = Schema.Struct(profile)
export type ClientProfile = typeof ClientProfile.Type

/** One authenticated connection, as every client with `operator.read` sees it. */
export const PresenceEntry = Schema.Struct({
  ...profile,
  connectionId: Schema.String,
  dialect: Schema.String,
  role: Role,
  scopes: Schema.Array(Scope),
  /** The device whose key the client has proved. */
  deviceId: Schema.optionalKey(Schema.String),
  /** The name that the client gives itself, if its protocol has a field for it. */
  client: Schema.NullOr(Schema.String),
  connectedAt: EpochMillis,
}).annotate({ identifier: "PresenceEntry" })
export type PresenceEntry = typeof PresenceEntry.Type

/** One connection, as an administrator sees it. */
export const ConnectionInfo = Schema.Struct({
  id: Schema.String,
  dialect: Schema.String,
  remoteAddress: Schema.String,
  principal: Schema.NullOr(Principal),
  client: Schema.NullOr(Schema.String),
  connectedAt: EpochMillis,
  lastInboundAt: EpochMillis,
  callsInFlight: Schema.Int,
  /** Bytes in the outbox that the socket has not taken yet. */
  outboxBytes: Schema.Int,
}).annotate({ identifier: "ConnectionInfo" })
export type ConnectionInfo = typeof ConnectionInfo.Type

export class ConnectionNotFound extends Schema.TaggedError<ConnectionNotFound>()("ConnectionNotFound", {
  connectionId: Schema.String,
}) {}

const presence = Rpc.make("presence.list", {
  payload: {},
  success: Schema.Struct({ presence: Schema.Array(PresenceEntry) }),
}).annotate(RequiredScope, "operator.read")

const list = Rpc.make("connections.list", {
  payload: {},
  success: Schema.Struct({ connections: Schema.Array(ConnectionInfo) }),
}).annotate(RequiredScope, "operator.admin")

const close = Rpc.make("connections.close", {
  payload: { connectionId: Id, reason: Schema.optionalKey(text(100)) },
  success: Schema.Struct({ closed: Schema.Boolean }),
  error: ConnectionNotFound,
}).annotate(RequiredScope, "operator.admin")

/**
 * Authenticates a client that can set neither a header nor a query. It is the only method that an unauthenticated
 * connection may call, and the wire itself answers it.
 */
const authenticate = Rpc.make("authenticate", {
  payload: { token: text(SECRET_CHARS) },
  success: Schema.Struct({ connectionId: Schema.String, principal: Principal }),
  error: Unauthenticated,
})

export const ConnectionRpcs = RpcGroup.make(presence, list, close).middleware(Authorized).add(authenticate)
