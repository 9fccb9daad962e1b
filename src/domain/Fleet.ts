/**
 * Fleet: the methods that list the agents of this gateway and of its upstream gateways as cards. The service Fleet keeps
 * the cards. Their changes are events of the topic `fleet`.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { AgentCard, Upstream } from "./AgentCard.ts"
import { EpochMillis, ID_CHARS, nonEmptyText } from "./Bounds.ts"
import { Position } from "./Event.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { Summary } from "./Summary.ts"

/** A card with the age of its knowledge. */
export const ListedCard = Schema.Struct({
  ...AgentCard.fields,
  /** The time for which the card is right: now, or when its upstream gateway was last in step. */
  asOf: EpochMillis,
  /** Why its upstream gateway is away. Null: it is not. */
  away: Schema.NullOr(Schema.String),
}).annotate({ identifier: "ListedCard" })
export type ListedCard = typeof ListedCard.Type

/** No agent of the fleet has this id. */
export class CardNotFound extends Schema.TaggedError<CardNotFound>()("CardNotFound", { id: Schema.String }) {}

/** Ids of agents and names of gateways have 64 characters at most. */
const CardId = nonEmptyText(ID_CHARS)

const list = Rpc.make("fleet.list", {
  payload: {},
  success: Schema.Struct({
    cards: Schema.Array(ListedCard),
    upstreams: Schema.Array(Upstream),
    /** The answer contains the events of the topic `fleet` up to here. */
    position: Position,
  }),
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "Lists the cards of all agents, of this gateway first, and the upstream gateways.")

const get = Rpc.make("fleet.get", {
  payload: { id: CardId },
  success: ListedCard,
  error: CardNotFound,
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "Returns the card of one agent: `<agent>` of this gateway, `<upstream>:<agent>` of another one.")

const upstreams = Rpc.make("fleet.upstreams", {
  payload: {},
  success: Schema.Struct({ upstreams: Schema.Array(Upstream) }),
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "Lists the upstream gateways, and why those that are away are away.")

export const FleetRpcs = RpcGroup.make(list, get, upstreams).middleware(Authorized)
