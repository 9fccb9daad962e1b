/**
 * Events: everything that happens, in one order. An event has a position; kept events can be replayed from any
 * position that is still retained, live ones (marked below) are only seen by who is there.
 * How positions are given and replayed is services/Events.ts.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { Agent } from "./Agent.ts"
import { Binding } from "./Binding.ts"
import { EpochMillis, ID_CHARS, SessionKey, setOf, text } from "./Bounds.ts"
import { Device, PairingDecision, PairingRequest } from "./Device.ts"
import { LogEntry } from "./Log.ts"
import { Document } from "./Memory.ts"
import { Message, Usage } from "./Message.ts"
import { PresenceEntry } from "./Connection.ts"
import { grants, RequiredScope, type Scope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { RunOutcome } from "./Run.ts"
import { RunError } from "./RunError.ts"
import { Session } from "./Session.ts"
import { Summary } from "./Summary.ts"

/** A place in the order of events. The epoch names the log; it survives restarts and changes only with the database. */
export const Position = Schema.Struct({
  epoch: text(ID_CHARS),
  seq: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
}).annotate({ identifier: "Position" })
export type Position = typeof Position.Type

const ofRun = { sessionKey: Schema.String, runId: Schema.String, agentId: Schema.String }

/** Kept: a row for each, replayed after a drop. */
export const KeptEvent = Schema.TaggedUnion({
  SessionOpened: { session: Session },
  SessionChanged: { session: Session },
  SessionClosed: { sessionKey: Schema.String },
  MessageAdded: { sessionKey: Schema.String, message: Message },
  /** A failed run takes its tools' messages back; a reset takes all (`ids` empty means all). */
  MessagesRemoved: {
    sessionKey: Schema.String,
    ids: Schema.Array(Schema.Int),
    reason: Schema.Literals(["run-failed", "reset"]),
  },
  RunAccepted: ofRun,
  RunStarted: { ...ofRun, attempt: Schema.Int },
  ToolStarted: { ...ofRun, callId: Schema.String, name: Schema.String, input: Schema.String },
  ToolEnded: { ...ofRun, callId: Schema.String, name: Schema.String, output: Schema.String, isError: Schema.Boolean },
  /** `error`: also the mark that the user's message of the run has from now on. */
  RunEnded: {
    ...ofRun,
    outcome: RunOutcome,
    error: Schema.optionalKey(RunError),
    usage: Schema.optionalKey(Usage),
    /** The gateway's answer to a command. It stands in no transcript. */
    reply: Schema.optionalKey(Schema.String),
  },
  AgentChanged: { agent: Agent },
  AgentRemoved: { agentId: Schema.String },
  /** The change, not the list. A binding of `set` replaces the one with the same agent, key and value in its place. */
  BindingsChanged: { set: Schema.Array(Binding), removed: Schema.Array(Binding) },
  /** `isNew`: the document was not there before. */
  MemoryChanged: { document: Document, isNew: Schema.Boolean },
  MemoryRemoved: { id: Schema.String },
  DeviceChanged: { device: Device },
  DeviceRemoved: { deviceId: Schema.String },
})
export type KeptEvent = typeof KeptEvent.Type

/** Live only: takes a position and leaves no row. What a delta said stands in the message that ends its run. */
export const LiveEvent = Schema.TaggedUnion({
  TextDelta: { ...ofRun, text: Schema.String },
  ThinkingDelta: { ...ofRun, text: Schema.String },
  ToolUpdated: { ...ofRun, callId: Schema.String, text: Schema.String },
  PresenceChanged: { presence: Schema.Array(PresenceEntry) },
  LogAdded: { entry: LogEntry },
  /** A device waits to be approved. One that asks for something else than before has a new request. */
  PairingRequested: { request: PairingRequest },
  PairingResolved: { requestId: Schema.String, deviceId: Schema.String, decision: PairingDecision },
  /** The gateway is going down; clients should reconnect, to this address, after the drain. */
  GatewayStopping: {
    reason: Schema.String,
    drainMs: Schema.Finite,
    /** In how many milliseconds after the drain it is back, where something starts it again. */
    restartExpectedMs: Schema.optionalKey(Schema.Finite),
  },
})
export type LiveEvent = typeof LiveEvent.Type

export type GatewayStopping = Extract<LiveEvent, { readonly _tag: "GatewayStopping" }>

export const GatewayEvent = Schema.Union([KeptEvent, LiveEvent]).annotate({ identifier: "GatewayEvent" })
export type GatewayEvent = typeof GatewayEvent.Type

export const Topic = Schema.Literals(["sessions", "chat", "agents", "memory", "presence", "logs", "devices", "system"])
export type Topic = typeof Topic.Type

const topics: Record<GatewayEvent["_tag"], Topic> = {
  SessionOpened: "sessions",
  SessionChanged: "sessions",
  SessionClosed: "sessions",
  MessageAdded: "chat",
  MessagesRemoved: "chat",
  RunAccepted: "chat",
  RunStarted: "chat",
  ToolStarted: "chat",
  ToolUpdated: "chat",
  ToolEnded: "chat",
  TextDelta: "chat",
  ThinkingDelta: "chat",
  RunEnded: "chat",
  AgentChanged: "agents",
  AgentRemoved: "agents",
  BindingsChanged: "agents",
  MemoryChanged: "memory",
  MemoryRemoved: "memory",
  PresenceChanged: "presence",
  LogAdded: "logs",
  DeviceChanged: "devices",
  DeviceRemoved: "devices",
  PairingRequested: "devices",
  PairingResolved: "devices",
  GatewayStopping: "system",
}

/** What a subscriber needs to be told of a topic; undefined: to be known at all. */
const scopes: Record<Topic, Scope | undefined> = {
  sessions: "operator.read",
  chat: "operator.read",
  agents: "operator.read",
  memory: "operator.read",
  presence: "operator.read",
  logs: "operator.read",
  devices: "operator.pairing",
  system: undefined,
}

export const topicOf = (event: GatewayEvent): Topic => topics[event._tag]

/** The session that an event is about, if it is about one. */
export const sessionOf = (event: GatewayEvent): string | undefined =>
  "sessionKey" in event ? event.sessionKey : "session" in event ? event.session.key : undefined

/** The run that an event is part of, if it is part of one. */
export const runOf = (event: GatewayEvent): string | undefined =>
  "runId" in event ? event.runId : event._tag === "MessageAdded" ? (event.message.runId ?? undefined) : undefined

/** Which events a subscriber wants. */
export const EventFilter = Schema.Struct({
  /** Left out: every topic but `logs`, which must be asked for. What the caller lacks the scope for is not told. */
  topics: Schema.optionalKey(setOf(Topic)),
  /** Only events about this session. */
  sessionKey: Schema.optionalKey(SessionKey),
})
export type EventFilter = typeof EventFilter.Type

/** What is told to who names no topics. */
const unasked: ReadonlyArray<Topic> = Topic.literals.filter((topic) => topic !== "logs")

export const wants = (filter: EventFilter, event: GatewayEvent): boolean => {
  const topic = topicOf(event)
  if (filter.topics === undefined ? topic === "logs" : !filter.topics.includes(topic)) return false
  return filter.sessionKey === undefined || filter.sessionKey === sessionOf(event)
}

/** As much of what is wanted as the holder of the scopes may be told. */
export const permitted = (filter: EventFilter, held: ReadonlyArray<Scope>): EventFilter => {
  const topics = (filter.topics ?? unasked).filter((topic) => {
    const needed = scopes[topic]
    return needed === undefined || grants(held, needed)
  })
  return { ...filter, topics }
}

/** Why a position could not be resumed: another database, older than what is kept, or never reached. */
export const ResetReason = Schema.Literals(["epoch", "retention", "future"])
export type ResetReason = typeof ResetReason.Type

/** An event with its position. */
export const Positioned = Schema.TaggedStruct("Event", {
  seq: Schema.Int,
  at: EpochMillis,
  event: GatewayEvent,
}).annotate({ identifier: "Positioned" })
export type Positioned = typeof Positioned.Type

/** All that an open run has said so far: replaces what the subscriber had of it, deltas go on from here. */
export const RunText = Schema.TaggedStruct("RunText", {
  seq: Schema.Int,
  ...ofRun,
  text: Schema.String,
  thinking: Schema.String,
}).annotate({ identifier: "RunText" })
export type RunText = typeof RunText.Type

/**
 * What a subscriber gets, in this order: `Joined`, the kept events since `from`, a `RunText` for each open run,
 * `CaughtUp`, then what happens. Every item's `seq` is a position to resume from. One that falls far behind is joined
 * anew from where it stands, in the same order; it misses only what was live.
 */
export const EventItem = Schema.Union([
  Schema.TaggedStruct("Joined", {
    epoch: Schema.String,
    /** Items follow from after this position. */
    seq: Schema.Int,
    /** Set: the position asked for could not be had, so take a snapshot (sessions.list, ...) now. */
    reset: Schema.NullOr(ResetReason),
  }),
  Positioned,
  RunText,
  Schema.TaggedStruct("CaughtUp", { seq: Schema.Int }),
]).annotate({ identifier: "EventItem" })
export type EventItem = typeof EventItem.Type

const subscribe = Rpc.make("events.subscribe", {
  payload: {
    ...EventFilter.fields,
    /** The last position seen: what came after it is sent first. Left out: from now on. */
    from: Schema.optionalKey(Position),
  },
  success: EventItem,
  stream: true,
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "Everything that happens, from now or from a position on, without a gap.")

export const EventRpcs = RpcGroup.make(subscribe).middleware(Authorized)
