/**
 * Connections: who is here, on which wire, and the methods to see, name and close them.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { EpochMillis, Id, SECRET_CHARS, text } from "./Bounds.ts"
import { Principal, RequiredScope, Role, Scope } from "./Principal.ts"
import { Authorized, Unauthenticated } from "./Refusal.ts"
import { Summary } from "./Summary.ts"

/** What a client says of itself beside its name, where its wire has a place for it. Nobody has looked whether it is so. */
const profile = {
  version: Schema.optionalKey(Schema.String),
  /** E.g. `linux`, `macos 15.1`. */
  platform: Schema.optionalKey(Schema.String),
  /** E.g. `iPhone`. */
  deviceFamily: Schema.optionalKey(Schema.String),
  /** E.g. `iPhone17,1`. */
  modelIdentifier: Schema.optionalKey(Schema.String),
  timeZone: Schema.optionalKey(Schema.String),
  /** What kind of client it is, e.g. `cli`, `ui`. */
  mode: Schema.optionalKey(Schema.String),
  /** By which a client finds itself again among others of its kind. */
  instanceId: Schema.optionalKey(Schema.String),
}
export const ClientProfile = Schema.Struct(profile)
export type ClientProfile = typeof ClientProfile.Type

/** One authenticated connection, as everybody may see it. */
export const PresenceEntry = Schema.Struct({
  ...profile,
  connectionId: Schema.String,
  dialect: Schema.String,
  role: Role,
  scopes: Schema.Array(Scope),
  /** The device that has proved its key. */
  deviceId: Schema.optionalKey(Schema.String),
  /** What the client calls itself, where its wire has a place for it. */
  client: Schema.NullOr(Schema.String),
  connectedAt: EpochMillis,
}).annotate({ identifier: "PresenceEntry" })
export type PresenceEntry = typeof PresenceEntry.Type

/** One connection, as its operator sees it. */
export const ConnectionInfo = Schema.Struct({
  id: Schema.String,
  dialect: Schema.String,
  remoteAddress: Schema.String,
  principal: Schema.NullOr(Principal),
  client: Schema.NullOr(Schema.String),
  connectedAt: EpochMillis,
  lastInboundAt: EpochMillis,
  callsInFlight: Schema.Int,
  /** Bytes accepted for this client and not yet taken by its socket. */
  outboxBytes: Schema.Int,
}).annotate({ identifier: "ConnectionInfo" })
export type ConnectionInfo = typeof ConnectionInfo.Type

export class ConnectionNotFound extends Schema.TaggedError<ConnectionNotFound>()("ConnectionNotFound", {
  connectionId: Schema.String,
}) {}

const presence = Rpc.make("presence.list", {
  payload: {},
  success: Schema.Struct({ presence: Schema.Array(PresenceEntry) }),
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "Who is connected.")

const list = Rpc.make("connections.list", {
  payload: {},
  success: Schema.Struct({ connections: Schema.Array(ConnectionInfo) }),
})
  .annotate(RequiredScope, "operator.admin")
  .annotate(Summary, "Every connection with its wire, principal and load.")

const close = Rpc.make("connections.close", {
  payload: { connectionId: Id, reason: Schema.optionalKey(text(100)) },
  success: Schema.Struct({ closed: Schema.Boolean }),
  error: ConnectionNotFound,
})
  .annotate(RequiredScope, "operator.admin")
  .annotate(Summary, "Closes a connection. Its client is told the reason and may come back.")

/**
 * The first message of a client that can set neither a header nor a query: it proves who it is.
 * The wire itself answers it; the only method that an unauthenticated connection may call.
 */
const authenticate = Rpc.make("authenticate", {
  payload: { token: text(SECRET_CHARS) },
  success: Schema.Struct({ connectionId: Schema.String, principal: Principal }),
  error: Unauthenticated,
}).annotate(
  Summary,
  "Proves who the client is, as the first message on a connection that could set neither a header nor a query. The one method that an unauthenticated connection may call.",
)

export const ConnectionRpcs = RpcGroup.make(presence, list, close).middleware(Authorized).add(authenticate)
