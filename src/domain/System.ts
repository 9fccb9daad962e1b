/**
 * The gateway itself: is it there, is it well, what does it hold, which models can its agents use.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { EpochMillis } from "./Bounds.ts"
import { Position } from "./Event.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { Summary } from "./Summary.ts"

/** `degraded`: up, but a check failed. `stopping`: draining, takes no new work. */
export const HealthState = Schema.Literals(["healthy", "degraded", "stopping"])
export type HealthState = typeof HealthState.Type

/** How the gateway is. */
export const Health = Schema.Struct({
  state: HealthState,
  version: Schema.String,
  uptimeMs: Schema.Finite,
  /** What was looked at, and what is wrong with it; null: nothing. */
  checks: Schema.Array(Schema.Struct({ name: Schema.String, problem: Schema.NullOr(Schema.String) })),
}).annotate({ identifier: "Health" })
export type Health = typeof Health.Type

/** What the gateway holds and does, in numbers. */
export const Status = Schema.Struct({
  version: Schema.String,
  startedAt: EpochMillis,
  uptimeMs: Schema.Finite,
  /** The newest event. */
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

/** A model that agents may be given. */
export const Model = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  /** The runtime that offers it. */
  runtime: Schema.String,
  /** Tokens; null where the runtime does not tell. */
  contextWindow: Schema.NullOr(Schema.Int),
}).annotate({ identifier: "Model" })
export type Model = typeof Model.Type

/** By which the gateway is known again, whatever its address and its token. */
export const GatewayIdentity = Schema.Struct({
  /** The key's fingerprint: SHA-256 in hexadecimal. */
  id: Schema.String,
  /** Ed25519, the raw 32 bytes in base64url. */
  publicKey: Schema.String,
}).annotate({ identifier: "GatewayIdentity" })
export type GatewayIdentity = typeof GatewayIdentity.Type

const health = Rpc.make("health", { payload: {}, success: Health }).annotate(Summary, "Whether the gateway is well.")

const status = Rpc.make("status", { payload: {}, success: Status })
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "What the gateway holds and does.")

const ping = Rpc.make("ping", { payload: {}, success: Schema.Struct({ at: EpochMillis }) }).annotate(
  Summary,
  "The cheapest round trip there is: measures the wire.",
)

const models = Rpc.make("models.list", {
  payload: {},
  success: Schema.Struct({ models: Schema.Array(Model) }),
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "The models that agents can use.")

const config = Rpc.make("config.get", {
  payload: {},
  success: Schema.Struct({
    /** Every option as it is in force, by its name in a configuration file; secrets are blacked out. */
    config: Schema.Json,
    /** Changes whenever the configuration does. */
    hash: Schema.String,
  }),
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "The configuration that the gateway runs with, without its secrets.")

const identity = Rpc.make("gateway.identity", { payload: {}, success: GatewayIdentity })
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "The gateway's own public key, by which it is known again.")

export const SystemRpcs = RpcGroup.make(health, status, ping, models, config, identity).middleware(Authorized)
