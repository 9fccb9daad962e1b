/**
 * AgentCard: the schemas of the fleet: agents at work, and the upstream gateways that have some of them. Event.ts and the
 * methods of Fleet.ts carry them, and the service Fleet makes them.
 */
import * as Schema from "effect/Schema"
import { EpochMillis } from "./Bounds.ts"

/** `thinking` and `active`: a run is in progress. `error`: the newest run has failed. */
export const AgentStatus = Schema.Literals(["active", "idle", "thinking", "error"])
export type AgentStatus = typeof AgentStatus.Type

/** An agent at work: its state, and the session that it works in or has worked in last. */
export const AgentCard = Schema.Struct({
  /** The id of an agent of this gateway, or `<upstream>:<id there>`. */
  id: Schema.String,
  agentId: Schema.String,
  /** The name of the upstream gateway. Null: an agent of this gateway. */
  upstream: Schema.NullOr(Schema.String),
  displayName: Schema.String,
  /** `default` for the agent that answers messages without a binding, else `agent`. */
  role: Schema.String,
  status: AgentStatus,
  /** The work of the agent: the title of the session, or the beginning of its newest message. */
  currentTask: Schema.optionalKey(Schema.String),
  /** In percent, if the gateway of the agent says so. */
  taskProgress: Schema.optionalKey(Schema.Finite),
  /** The start of the run in progress, if the gateway saw it. */
  taskStartedAt: Schema.optionalKey(EpochMillis),
  sessionKey: Schema.NullOr(Schema.String),
  channel: Schema.NullOr(Schema.String),
  lastActivity: Schema.NullOr(EpochMillis),
  errorMessage: Schema.optionalKey(Schema.String),
}).annotate({ identifier: "AgentCard" })
export type AgentCard = typeof AgentCard.Type

/** The task of a card. */
export const AgentTask = Schema.Struct({
  /** The id of the card. */
  id: Schema.String,
  task: Schema.String,
  /** In percent, if the gateway of the agent says so. */
  progress: Schema.optionalKey(Schema.Finite),
  startedAt: Schema.optionalKey(EpochMillis),
})
export type AgentTask = typeof AgentTask.Type

/**
 * `syncing`: connected, and its lists are on their way. `ready`: the cards follow every change. `polling`: its WebSocket does
 * not answer, and the cards come from its REST address again and again.
 */
export const UpstreamState = Schema.Literals([
  "connecting",
  "syncing",
  "ready",
  "polling",
  "away",
  "pairing",
  "refused",
])
export type UpstreamState = typeof UpstreamState.Type

/** The way in which cards came here: by the events of a WebSocket, or by requests to a REST address. */
export const CardSource = Schema.Literals(["websocket", "http"])

/** An upstream gateway of the configuration. */
export const Upstream = Schema.Struct({
  name: Schema.String,
  /** Without its query. */
  url: Schema.String,
  state: UpstreamState,
  /** Why the cards do not follow it now, with the next step. Null: they do, or nothing has failed yet. */
  reason: Schema.NullOr(Schema.String),
  since: EpochMillis,
  /** When the cards were last right. Null: they are now, or they never were. */
  lastReadyAt: Schema.NullOr(EpochMillis),
  /** The way in which the cards came. Null: none has come yet. */
  via: Schema.NullOr(CardSource),
  /** The version of its software. Null: not known yet. */
  version: Schema.NullOr(Schema.String),
  /** Its connected clients, as it lists them. Null: not known yet. */
  clients: Schema.NullOr(Schema.Int),
}).annotate({ identifier: "Upstream" })
export type Upstream = typeof Upstream.Type

/** Returns the id of a card. */
export const cardId = (upstream: string | null, agentId: string): string =>
  upstream === null ? agentId : `${upstream}:${agentId}`
