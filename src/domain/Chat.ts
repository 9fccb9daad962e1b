/**
 * Chat: sending to agents. What a send promises is in `Acceptance`; what an agent says comes as events.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { AgentId, AgentNotFound } from "./Agent.ts"
import { Id, SessionKey } from "./Bounds.ts"
import { Position, Positioned, RunText } from "./Event.ts"
import { LimitReached } from "./Limits.ts"
import { Message, MessageText } from "./Message.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized, Forbidden, ShuttingDown } from "./Refusal.ts"
import { OpenRun, Run } from "./Run.ts"
import { routeFields } from "./Session.ts"
import { StorageUnavailable } from "./Storage.ts"
import { Summary } from "./Summary.ts"

/**
 * A send is on disk: it survives a crash, runs at least once in its place in the session, and is in the transcript
 * exactly once. `duplicate`: a send with this key was accepted before, and this one did nothing.
 */
export const Acceptance = Schema.Struct({
  runId: Schema.String,
  sessionKey: Schema.String,
  agentId: Schema.String,
  duplicate: Schema.Boolean,
  /** All that happens in this run comes after this position: subscribe from here and miss nothing of it. */
  position: Position,
}).annotate({ identifier: "Acceptance" })
export type Acceptance = typeof Acceptance.Type

export class RunNotFound extends Schema.TaggedError<RunNotFound>()("RunNotFound", { runId: Schema.String }) {}

/** The idempotency key belongs to another message: to one in another session, or with another text. */
export class IdempotencyConflict extends Schema.TaggedError<IdempotencyConflict>()("IdempotencyConflict", {
  idempotencyKey: Schema.String,
  sessionKey: Schema.String,
}) {}

/** As many turns wait in this session as may. Nothing was accepted. */
export class SessionBusy extends Schema.TaggedError<SessionBusy>()("SessionBusy", {
  sessionKey: Schema.String,
  waiting: Schema.Int,
}) {}

export const SendError = Schema.Union([
  AgentNotFound,
  /** Of the commands `/new` and `/reset`, which need `operator.admin` as `sessions.reset` does. */
  Forbidden,
  IdempotencyConflict,
  LimitReached,
  SessionBusy,
  ShuttingDown,
  StorageUnavailable,
])
export type SendError = typeof SendError.Type

export const SendPayload = Schema.Struct({
  text: MessageText,
  /** The session to send to. Left out: found by `agentId` and the route, see Routing.ts. */
  sessionKey: Schema.optionalKey(SessionKey),
  /** The agent to answer. Left out: of the session, or found by the bindings. */
  agentId: Schema.optionalKey(AgentId),
  ...routeFields,
  /** Makes the send safe to repeat; becomes the run's id. Left out: the gateway makes one. */
  idempotencyKey: Schema.optionalKey(Id),
  /** False: the agent gets the text also where it is a command, such as `/stop`. */
  commands: Schema.optionalKey(Schema.Boolean),
})
export type SendPayload = typeof SendPayload.Type

const send = Rpc.make("chat.send", {
  payload: SendPayload,
  success: Acceptance,
  error: SendError,
})
  .annotate(RequiredScope, "operator.write")
  .annotate(
    Summary,
    "Sends a message to an agent. Returns when the send is on disk; the reply comes as events. The gateway itself answers `/stop`, `/status`, `/new` and `/reset`, at once.",
  )

/** What a streamed send gives: the acceptance first, then the events of its run, to `RunEnded`. */
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
})
  .annotate(RequiredScope, "operator.write")
  .annotate(
    Summary,
    "Sends a message and streams its run to the end. Repeated with the same key it joins the run, or tells how it ended.",
  )

const abort = Rpc.make("chat.abort", {
  payload: { sessionKey: SessionKey, runId: Schema.optionalKey(Id) },
  success: Schema.Struct({ aborted: Schema.Array(Schema.String) }),
  error: StorageUnavailable,
})
  .annotate(RequiredScope, "operator.write")
  .annotate(Summary, "Ends the named run, or all that run and wait in the session; also a send that has not begun.")

const inject = Rpc.make("chat.inject", {
  payload: {
    sessionKey: SessionKey,
    text: MessageText,
    role: Schema.optionalKey(Schema.Literals(["assistant", "system", "user"])),
    idempotencyKey: Schema.optionalKey(Id),
  },
  success: Message,
  error: Schema.Union([AgentNotFound, IdempotencyConflict, LimitReached, StorageUnavailable]),
})
  .annotate(RequiredScope, "operator.admin")
  .annotate(Summary, "Adds a message to a transcript without a run. The session is made if it does not exist.")

const openRuns = Rpc.make("runs.list", {
  payload: {
    /** Left out: of every session. */
    sessionKey: Schema.optionalKey(SessionKey),
  },
  /** In the order in which they were accepted. */
  success: Schema.Struct({ runs: Schema.Array(OpenRun) }),
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "The runs that have been accepted and have not ended, with what each has said so far.")

const wait = Rpc.make("runs.wait", {
  payload: {
    runId: Id,
    /** 30,000 by default, 600,000 at most. */
    timeoutMs: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 600_000 }))),
  },
  success: Run,
  error: RunNotFound,
})
  .annotate(RequiredScope, "operator.read")
  .annotate(Summary, "Waits for the end of a run, or until the time is up; either way tells how the run stands.")

export const ChatRpcs = RpcGroup.make(send, stream, abort, inject, openRuns, wait).middleware(Authorized)
