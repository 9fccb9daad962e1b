/**
 * Fleet: the methods that list the agents of this gateway and of its upstream gateways as cards. The service Fleet keeps
 * the cards. Their changes are events of the topic `fleet`.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { AgentCard, CardSource, Upstream } from "./AgentCard.ts"
import { EpochMillis, ID_CHARS, nonEmptyText, PageSize } from "./Bounds.ts"
import { SendError } from "./Chat.ts"
import { Position } from "./Event.ts"
import { MessageText } from "./Message.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { SessionNotFound } from "./Session.ts"
import { StorageUnavailable } from "./Storage.ts"

/** A card with the age of its knowledge. */
export const ListedCard = Schema.Struct({
  ...AgentCard.fields,
  /** The time for which the card is right: now, or when its upstream gateway last answered. */
  asOf: EpochMillis,
  /** Why its upstream gateway is away. Null: it is not. */
  away: Schema.NullOr(Schema.String),
  /** The way in which the card came from its upstream gateway. Null: an agent of this gateway. */
  via: Schema.NullOr(CardSource),
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
}).annotate(RequiredScope, "operator.read")

const get = Rpc.make("fleet.get", {
  payload: { id: CardId },
  success: ListedCard,
  error: CardNotFound,
}).annotate(RequiredScope, "operator.read")

const upstreams = Rpc.make("fleet.upstreams", {
  payload: {},
  success: Schema.Struct({ upstreams: Schema.Array(Upstream) }),
}).annotate(RequiredScope, "operator.read")

/**
 * `stop`: aborts the runs of the agent. `restart`: aborts the run of the card's session and sends its newest message again.
 * `steer`: sends a message to the card's session, which the agent gets at its next step if it can.
 */
export const FleetCommand = Schema.Literals(["stop", "restart", "steer"])
export type FleetCommand = typeof FleetCommand.Type

/** The command had no effect, e.g. because the upstream gateway is away. */
export class FleetCommandFailed extends Schema.TaggedError<FleetCommandFailed>()("FleetCommandFailed", {
  id: Schema.String,
  /** The problem and the next step. */
  message: Schema.String,
}) {}

const command = Rpc.make("fleet.command", {
  payload: {
    id: CardId,
    command: FleetCommand,
    /** The message of `steer`. */
    message: Schema.optionalKey(MessageText),
  },
  success: Schema.Struct({
    /** The sessions that the command changed. Empty: there was nothing to stop. */
    sessionKeys: Schema.Array(Schema.String),
    /** The run of the message that was sent. */
    runId: Schema.optionalKey(Schema.String),
  }),
  error: Schema.Union([CardNotFound, FleetCommandFailed, SendError]),
}).annotate(RequiredScope, "operator.write")

const transcript = Rpc.make("fleet.transcript", {
  payload: { id: CardId, limit: Schema.optionalKey(PageSize) },
  success: Schema.Struct({
    sessionKey: Schema.NullOr(Schema.String),
    /** Oldest first. */
    entries: Schema.Array(
      Schema.Struct({ at: Schema.NullOr(EpochMillis), role: Schema.String, text: Schema.String }).annotate({
        identifier: "TranscriptEntry",
      }),
    ),
  }),
  error: Schema.Union([CardNotFound, FleetCommandFailed, SessionNotFound, StorageUnavailable]),
}).annotate(RequiredScope, "operator.read")

export const FleetRpcs = RpcGroup.make(list, get, upstreams, command, transcript).middleware(Authorized)
