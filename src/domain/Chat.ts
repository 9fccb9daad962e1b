/**
 * Chat: the methods that send messages to agents and follow their runs. `Acceptance` says what a send promises. Replies
 * come as events.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { AgentId, AgentNotFound } from "./Agent.ts"
import { AttachmentRefused, AttachmentUpload, UPLOADS } from "./Attachment.ts"
import { Id, list, MESSAGE_CHARS, RunMillis, SessionKey, text, WaitMillis } from "./Bounds.ts"
import { Position, Positioned, RunText } from "./Event.ts"
import { LimitReached } from "./LimitReached.ts"
import { Message, MessageText } from "./Message.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized, Forbidden, ShuttingDown } from "./Refusal.ts"
import { OpenRun, QueueMode, Run } from "./Run.ts"
import { routeFields, SessionConflict, SessionExpectation } from "./Session.ts"
import { StorageUnavailable } from "./Storage.ts"

/**
 * The message is on disk: it survives a crash, runs at least once in its place in the session or becomes part of another
 * run (see QueueMode), and is in the transcript exactly once. `duplicate`: the gateway accepted a send with this key
 * before, and this one did nothing.
 */
export const Acceptance = Schema.Struct({
  runId: Schema.String,
  sessionKey: Schema.String,
  agentId: Schema.String,
  duplicate: Schema.Boolean,
  /** All events of this run come after this position. Subscribe from here to miss none of them. */
  position: Position,
}).annotate({ identifier: "Acceptance" })
export type Acceptance = typeof Acceptance.Type

export class RunNotFound extends Schema.TaggedError<RunNotFound>()("RunNotFound", { runId: Schema.String }) {}

/** The idempotency key belongs to a message in another session or with another text. */
export class IdempotencyConflict extends Schema.TaggedError<IdempotencyConflict>()("IdempotencyConflict", {
  idempotencyKey: Schema.String,
  sessionKey: Schema.String,
}) {}

/** The session has as many waiting turns as `runs.waitingPerSession` allows. Nothing was accepted. */
export class SessionBusy extends Schema.TaggedError<SessionBusy>()("SessionBusy", {
  sessionKey: Schema.String,
  waiting: Schema.Int,
}) {}

export const SendError = Schema.Union([
  AgentNotFound,
  AttachmentRefused,
  /** The commands `/new` and `/reset` need `operator.admin`, as `sessions.reset` does. */
  Forbidden,
  IdempotencyConflict,
  LimitReached,
  SessionBusy,
  SessionConflict,
  ShuttingDown,
  StorageUnavailable,
])
export type SendError = typeof SendError.Type

/** A message needs something to say, or something to show. */
const HasContent = Schema.makeFilter(
  ({ attachments, text }: { readonly text: string; readonly attachments?: ReadonlyArray<unknown> }) =>
    text !== "" || (attachments !== undefined && attachments.length > 0)
      ? undefined
      : { path: ["text"], issue: "must not be empty without attachments" },
)

export const SendPayload = Schema.Struct({
  /** May be empty if there are attachments. */
  text: text(MESSAGE_CHARS),
  /** Files for the agent. See the options `attachments`. The message is refused as a whole if one of them is. */
  attachments: Schema.optionalKey(list(AttachmentUpload, UPLOADS)),
  /** The session to send to. Left out: derived from `agentId` and the route. See Routing.ts. */
  sessionKey: Schema.optionalKey(SessionKey),
  /** The agent that answers. Left out: the session's agent, or the one that the bindings choose. */
  agentId: Schema.optionalKey(AgentId),
  ...routeFields,
  /** Makes the send safe to repeat, and becomes the run's id. Left out: the gateway makes one. */
  idempotencyKey: Schema.optionalKey(Id),
  /** False: the agent gets the text even if it is a command such as `/stop`. */
  commands: Schema.optionalKey(Schema.Boolean),
  /** The treatment if the session runs another message. Left out: the session's mode, else the agent's, else `followup`. */
  queue: Schema.optionalKey(QueueMode),
  /** Milliseconds from the acceptance after which the run ends, started or not. Its output stays. Left out: no limit. */
  timeoutMs: Schema.optionalKey(RunMillis),
  /** The send fails with SessionConflict if the session differs. Not checked for a repeated send. */
  expected: Schema.optionalKey(SessionExpectation),
}).check(HasContent)
export type SendPayload = typeof SendPayload.Type

const send = Rpc.make("chat.send", {
  payload: SendPayload,
  success: Acceptance,
  error: SendError,
}).annotate(RequiredScope, "operator.write")

/** An item of a streamed send: first the acceptance, then the events of its run up to `RunEnded`. */
export const StreamItem = Schema.Union([
  Schema.TaggedStruct("Accepted", Acceptance.fields),
  Positioned,
  RunText,
]).annotate({ identifier: "StreamItem" })
export type StreamItem = typeof StreamItem.Type

const stream = Rpc.make("chat.stream", {
  payload: SendPayload,
  success: StreamItem,
  error: SendError,
  stream: true,
}).annotate(RequiredScope, "operator.write")

const abort = Rpc.make("chat.abort", {
  payload: { sessionKey: SessionKey, runId: Schema.optionalKey(Id) },
  success: Schema.Struct({ aborted: Schema.Array(Schema.String) }),
  error: StorageUnavailable,
}).annotate(RequiredScope, "operator.write")

const inject = Rpc.make("chat.inject", {
  payload: {
    sessionKey: SessionKey,
    text: MessageText,
    role: Schema.optionalKey(Schema.Literals(["assistant", "system", "user"])),
    idempotencyKey: Schema.optionalKey(Id),
  },
  success: Message,
  error: Schema.Union([AgentNotFound, IdempotencyConflict, LimitReached, StorageUnavailable]),
}).annotate(RequiredScope, "operator.admin")

const openRuns = Rpc.make("runs.list", {
  payload: {
    /** Left out: the runs of every session. */
    sessionKey: Schema.optionalKey(SessionKey),
  },
  /** In the order of acceptance. */
  success: Schema.Struct({ runs: Schema.Array(OpenRun) }),
}).annotate(RequiredScope, "operator.read")

const wait = Rpc.make("runs.wait", {
  payload: {
    runId: Id,
    /** Milliseconds: 30,000 by default, 600,000 at most. */
    timeoutMs: Schema.optionalKey(WaitMillis),
  },
  success: Run,
  error: Schema.Union([RunNotFound, StorageUnavailable]),
}).annotate(RequiredScope, "operator.read")

export const ChatRpcs = RpcGroup.make(send, stream, abort, inject, openRuns, wait).middleware(Authorized)
