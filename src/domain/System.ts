/**
 * System: the methods about the gateway itself: health, status, configuration and identity.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { EpochMillis } from "./Bounds.ts"
import { Position } from "./Event.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"

/** `degraded`: up, but a check failed. `stopping`: draining, refuses new work. */
export const HealthState = Schema.Literals(["healthy", "degraded", "stopping"])
export type HealthState = typeof HealthState.Type

/** The health of the gateway. */
export const Health = Schema.Struct({
  state: HealthState,
  version: Schema.String,
  uptimeMs: Schema.Finite,
  /** Each check with its problem, or null if it passed. */
  checks: Schema.Array(Schema.Struct({ name: Schema.String, problem: Schema.NullOr(Schema.String) })),
}).annotate({ identifier: "Health" })
export type Health = typeof Health.Type

/** The figures of the gateway. */
export const Status = Schema.Struct({
  version: Schema.String,
  startedAt: EpochMillis,
  uptimeMs: Schema.Finite,
  /** The position of the newest event. */
  position: Position,
  connections: Schema.Int,
  agents: Schema.Int,
  bindings: Schema.Int,
  sessions: Schema.Int,
  runs: Schema.Struct({ running: Schema.Int, waiting: Schema.Int, limit: Schema.Int }),
  /** Resident memory of the process in bytes. */
  rssBytes: Schema.Finite,
}).annotate({ identifier: "Status" })
export type Status = typeof Status.Type

/** The gateway's key, by which clients recognize it independently of its address and token. */
export const GatewayIdentity = Schema.Struct({
  /** The key's fingerprint: SHA-256 in hexadecimal. */
  id: Schema.String,
  /** Ed25519, the raw 32 bytes in base64url. */
  publicKey: Schema.String,
}).annotate({ identifier: "GatewayIdentity" })
export type GatewayIdentity = typeof GatewayIdentity.Type

const health = Rpc.make("health", { payload: {}, success: Health })

const status = Rpc.make("status", { payload: {}, success: Status }).annotate(RequiredScope, "operator.read")

const ping = Rpc.make("ping", { payload: {}, success: Schema.Struct({ at: EpochMillis }) })

const config = Rpc.make("config.get", {
  payload: {},
  success: Schema.Struct({
    /** Every option in force, by its name in a configuration file. Secrets are redacted. */
    config: Schema.Json,
    /** Changes whenever the configuration changes. */
    hash: Schema.String,
  }),
}).annotate(RequiredScope, "operator.read")

const identity = Rpc.make("gateway.identity", { payload: {}, success: GatewayIdentity }).annotate(
  RequiredScope,
  "operator.read",
)

export const SystemRpcs = RpcGroup.make(health, status, ping, config, identity).middleware(Authorized)
