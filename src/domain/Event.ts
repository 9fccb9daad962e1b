/**
 * Events: the schemas of all events, their topics and scopes, and `events.subscribe`. Every event has a position in one
 * order. Kept events can be replayed from any position that is still retained. Only clients that are connected see live
 * events. The service Events assigns positions and replays events.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { Agent } from "./Agent.ts"
import { AgentCard, AgentTask, Upstream } from "./AgentCard.ts"
import { Approval, ApprovalGrant } from "./Approval.ts"
import { Binding } from "./Binding.ts"
import { EpochMillis, ID_CHARS, SessionKey, setOf, text } from "./Bounds.ts"
import { Device, PairingDecision, PairingRequest } from "./Device.ts"
import { LogEntry } from "./Log.ts"
import { Document } from "./Memory.ts"
import { Message, Usage } from "./Message.ts"
import { PresenceEntry } from "./Connection.ts"
import { Question } from "./Question.ts"
import { grants, RequiredScope, type Scope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { RunOutcome } from "./Run.ts"
import { RunError } from "./RunError.ts"
import { Session } from "./Session.ts"

/** A place in the order of events. The epoch identifies the log: it survives restarts and changes only with the database. */
export const Position = Schema.Struct({
  epoch: text(ID_CHARS),
  seq: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
}).annotate({ identifier: "Position" })
export type Position = typeof Position.Type

const ofRun = { sessionKey: Schema.String, runId: Schema.String, agentId: Schema.String }

/** Events that are stored, one row each, and replayed after a drop. */
export const KeptEvent = Schema.TaggedUnion({
  SessionOpened: { session: Session },
  SessionChanged: { session: Session },
  SessionClosed: { sessionKey: Schema.String },
  MessageAdded: { sessionKey: Schema.String, message: Message },
  /** A failed run removes the messages of its tools. A reset removes all messages: then `ids` is empty. */
  MessagesRemoved: {
    sessionKey: Schema.String,
    ids: Schema.Array(Schema.Int),
    reason: Schema.Literals(["run-failed", "reset"]),
  },
  RunAccepted: ofRun,
  RunStarted: { ...ofRun, attempt: Schema.Int },
  ToolStarted: { ...ofRun, callId: Schema.String, name: Schema.String, input: Schema.String },
  ToolEnded: { ...ofRun, callId: Schema.String, name: Schema.String, output: Schema.String, isError: Schema.Boolean },
  /** `error` is also the mark on the user's message from now on. */
  RunEnded: {
    ...ofRun,
    outcome: RunOutcome,
    error: Schema.optionalKey(RunError),
    usage: Schema.optionalKey(Usage),
    /** The gateway's answer to a command. It is in no transcript. */
    reply: Schema.optionalKey(Schema.String),
    /** The run that took the message over (see QueueMode). It is running, and its reply answers this message too. */
    takenBy: Schema.optionalKey(Schema.String),
  },
  AgentChanged: { agent: Agent },
  AgentRemoved: { agentId: Schema.String },
  /** The change, not the whole list. Each binding of `set` replaces the one with the same agent, key and value. */
  BindingsChanged: { set: Schema.Array(Binding), removed: Schema.Array(Binding) },
  /** `isNew`: the document did not exist before. */
  MemoryChanged: { document: Document, isNew: Schema.Boolean },
  MemoryRemoved: { id: Schema.String },
  DeviceChanged: { device: Device },
  DeviceRemoved: { deviceId: Schema.String },
  /** A call of a tool waits for a decision. */
  ApprovalRequested: { approval: Approval },
  /** The approval no longer waits: its status says why. */
  ApprovalResolved: { approval: Approval },
  /** A decision made the grant, or an operator revoked it. */
  ApprovalGrantChanged: { grant: ApprovalGrant },
  /** An agent or a client asks the operators. */
  QuestionRequested: { question: Question },
  /** The question no longer waits: its status says why. Secret answers are left out. */
  QuestionResolved: { question: Question },
})
export type KeptEvent = typeof KeptEvent.Type

/** Events that have a position but are not stored. The message at the end of a run holds the text of all its deltas. */
export const LiveEvent = Schema.TaggedUnion({
  TextDelta: { ...ofRun, text: Schema.String },
  ThinkingDelta: { ...ofRun, text: Schema.String },
  ToolUpdated: { ...ofRun, callId: Schema.String, text: Schema.String },
  PresenceChanged: { presence: Schema.Array(PresenceEntry) },
  LogAdded: { entry: LogEntry },
  /** A device waits for approval. A device that asks for something else gets a new request. */
  PairingRequested: { request: PairingRequest },
  PairingResolved: { requestId: Schema.String, deviceId: Schema.String, decision: PairingDecision },
  /** The card replaces the one with its id. */
  CardChanged: { card: AgentCard },
  CardRemoved: { id: Schema.String },
  /** The agent of the card works on something else now. */
  TaskStarted: AgentTask.fields,
  /** The agent of the card has made a step, e.g. a call of a tool. */
  TaskProgressed: AgentTask.fields,
  /** All cards, after an upstream gateway has sent its lists. They replace the subscriber's copy. */
  FleetUpdated: { cards: Schema.Array(AgentCard) },
  UpstreamChanged: { upstream: Upstream },
  /** The gateway is stopping. Clients should reconnect to the same address after the drain. */
  GatewayStopping: {
    reason: Schema.String,
    drainMs: Schema.Finite,
    /** Milliseconds from the drain until the gateway is back, if a supervisor restarts it. */
    restartExpectedMs: Schema.optionalKey(Schema.Finite),
  },
})
export type LiveEvent = typeof LiveEvent.Type

export type GatewayStopping = Extract<LiveEvent, { readonly _tag: "GatewayStopping" }>

export const GatewayEvent = Schema.Union([KeptEvent, LiveEvent]).annotate({ identifier: "GatewayEvent" })
export type GatewayEvent = typeof GatewayEvent.Type

export const Topic = Schema.Literals([
  "sessions",
  "chat",
  "agents",
  "memory",
  "presence",
  "logs",
  "devices",
  "approvals",
  "fleet",
  "questions",
  "system",
])
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
  ApprovalRequested: "approvals",
  ApprovalResolved: "approvals",
  ApprovalGrantChanged: "approvals",
  CardChanged: "fleet",
  CardRemoved: "fleet",
  TaskStarted: "fleet",
  TaskProgressed: "fleet",
  FleetUpdated: "fleet",
  UpstreamChanged: "fleet",
  QuestionRequested: "questions",
  QuestionResolved: "questions",
  GatewayStopping: "system",
}

/** The scope that each topic requires. `undefined`: any authenticated client. */
const scopes: Record<Topic, Scope | undefined> = {
  sessions: "operator.read",
  chat: "operator.read",
  agents: "operator.read",
  memory: "operator.read",
  presence: "operator.read",
  logs: "operator.read",
  devices: "operator.pairing",
  approvals: "operator.approvals",
  fleet: "operator.read",
  questions: "operator.questions",
  system: undefined,
}

export const topicOf = (event: GatewayEvent): Topic => topics[event._tag]

/** Returns the key of the session that the event is about, or `undefined`. */
export const sessionOf = (event: GatewayEvent): string | undefined => {
  if ("sessionKey" in event) return event.sessionKey
  if ("session" in event) return event.session.key
  if ("approval" in event) return event.approval.sessionKey
  return "question" in event ? event.question.sessionKey : undefined
}

/** Returns the id of the run that the event belongs to, or `undefined`. */
export const runOf = (event: GatewayEvent): string | undefined =>
  "runId" in event ? event.runId : event._tag === "MessageAdded" ? (event.message.runId ?? undefined) : undefined

/** The events that a subscriber wants. */
export const EventFilter = Schema.Struct({
  /** Left out: every topic except `logs` and `fleet`. Topics for which the caller lacks the scope are dropped. */
  topics: Schema.optionalKey(setOf(Topic)),
  /** Only events about this session. */
  sessionKey: Schema.optionalKey(SessionKey),
})
export type EventFilter = typeof EventFilter.Type

/** The topics that a subscriber must name: most clients have no use for them. */
const named: ReadonlySet<Topic> = new Set(["logs", "fleet"])

/** The topics of a subscriber that names none. */
export const defaultTopics: ReadonlyArray<Topic> = Topic.literals.filter((topic) => !named.has(topic))

export const wants = (filter: EventFilter, event: GatewayEvent): boolean => {
  const topic = topicOf(event)
  if (filter.topics === undefined ? named.has(topic) : !filter.topics.includes(topic)) return false
  return filter.sessionKey === undefined || filter.sessionKey === sessionOf(event)
}

/** Returns the filter reduced to the topics that the scopes permit. */
export const permitted = (filter: EventFilter, held: ReadonlyArray<Scope>): EventFilter => {
  const topics = (filter.topics ?? defaultTopics).filter((topic) => {
    const needed = scopes[topic]
    return needed === undefined || grants(held, needed)
  })
  return { ...filter, topics }
}

/** Why a position cannot be resumed: another database, older than the kept events, or never reached. */
export const ResetReason = Schema.Literals(["epoch", "retention", "future"])
export type ResetReason = typeof ResetReason.Type

/** An event with its position. */
export const Positioned = Schema.TaggedStruct("Event", {
  seq: Schema.Int,
  at: EpochMillis,
  event: GatewayEvent,
}).annotate({ identifier: "Positioned" })
export type Positioned = typeof Positioned.Type

/** The whole text of an open run so far. Replaces the subscriber's copy; later deltas continue from here. */
export const RunText = Schema.TaggedStruct("RunText", {
  seq: Schema.Int,
  ...ofRun,
  text: Schema.String,
  thinking: Schema.String,
}).annotate({ identifier: "RunText" })
export type RunText = typeof RunText.Type

/**
 * The items of a subscription, in this order: `Joined`, the kept events since `from`, a `RunText` for each open run,
 * `CaughtUp`, then new events. The `seq` of every item is a position to resume from. A subscriber that falls far behind
 * starts over from its own position, in the same order. It misses only live events.
 */
export const EventItem = Schema.Union([
  Schema.TaggedStruct("Joined", {
    epoch: Schema.String,
    /** The following items come after this position. */
    seq: Schema.Int,
    /** Not null: `from` cannot be resumed. Take a snapshot (sessions.list, ...) now. */
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
    /** The last position that the client saw: events after it come first. Left out: from now on. */
    from: Schema.optionalKey(Position),
  },
  success: EventItem,
  stream: true,
}).annotate(RequiredScope, "operator.read")

export const EventRpcs = RpcGroup.make(subscribe).middleware(Authorized)
