/**
 * Events: encodes events of the contract as frames for the interests of a view. One event may become several frames or
 * no frame. OpenClaw.ts uses it.
 */
import * as Effect from "effect/Effect"
import type { Approval } from "../../../domain/Approval.ts"
import type { EventItem, GatewayEvent, Positioned } from "../../../domain/Event.ts"
import type { EventFrame, Frame, ThrottledText } from "../../dialect/Dialect.ts"
import { given } from "../../dialect/Params.ts"
import { call, type Query } from "../../dialect/Query.ts"
import type { Merge } from "../../connection/Outbox.ts"
import type { Interests } from "./Interests.ts"
import { kindOf, requestedRow, resolvedRow, sessionApproval } from "../methods/ApprovalViews.ts"
import { pairingRow } from "../methods/Devices.ts"
import { questionRow, resolvedQuestionRow } from "../methods/Questions.ts"
import { writeEvent } from "../wire/Frames.ts"
import { health } from "../methods/Health.ts"
import { mergeable, mergeKey } from "./DeltaMerge.ts"
import { presenceEntries } from "../methods/Presence.ts"
import * as RunEvents from "./RunEvents.ts"
import type { EventMeta, Payload } from "./RunEvents.ts"
import * as SessionEvents from "./SessionEvents.ts"

/** `features.events` of hello-ok. */
export const eventNames: ReadonlyArray<string> = [
  "connect.challenge",
  "agent",
  "agent.config",
  "chat",
  "device.pair.requested",
  "device.pair.resolved",
  "exec.approval.requested",
  "exec.approval.resolved",
  "health",
  "plugin.approval.requested",
  "plugin.approval.resolved",
  "presence",
  "question.requested",
  "question.resolved",
  "session.approval",
  "session.message",
  "session.tool",
  "sessions.changed",
  "shutdown",
  "tick",
]

type Encoded = Query<ReadonlyArray<EventFrame>>

const noFrames: Encoded = Effect.succeed([])

const publish = (...frames: ReadonlyArray<EventFrame>): Encoded => Effect.succeed(frames)

/** Makes frames of payloads, for each policy of the outbox. */
const framesFor = ({ member }: Interests) => {
  const text = ([event, data]: Payload): string => writeEvent(member, event, data)
  // All values under a key of `append` come from here.
  const by = mergeable(text) as Merge<unknown>
  return {
    text,
    must: (payload: Payload): Frame => ({ policy: "must", text: text(payload) }),
    latest: (key: string, payload: Payload): Frame => ({ policy: "latest", key, text: text(payload) }),
    append: (value: Payload): Frame => ({ policy: "append", key: mergeKey(value), text: text(value), value, by }),
  }
}
type Frames = ReturnType<typeof framesFor>

/** Whether the client gets the runs of the session. */
const wantsRuns = ({ keys, scoped }: Interests, sessionKey: string): boolean => !scoped || keys.includes(sessionKey)

/** Whether the client gets the messages of the session. */
const wantsMessages = ({ keys, sessions }: Interests, sessionKey: string): boolean =>
  sessions || keys.includes(sessionKey)

type Event<Tag extends GatewayEvent["_tag"]> = Extract<GatewayEvent, { readonly _tag: Tag }>
type RunEvent = Event<
  "RunAccepted" | "RunStarted" | "RunEnded" | "ToolStarted" | "ToolUpdated" | "ToolEnded" | "TextDelta"
>

/** Returns the whole reply of a run, or `undefined` if the run is forgotten. The event does not have it. */
const replyOf = (runId: string): Query<string | undefined> =>
  call("runs.wait", { runId, timeoutMs: 0 }).pipe(
    Effect.map(({ reply }) => reply),
    Effect.orElseSucceed(() => undefined),
  )

const encodeRun = (interests: Interests, { append, must }: Frames, event: RunEvent, meta: EventMeta): Encoded => {
  if (!wantsRuns(interests, event.sessionKey)) return noFrames
  switch (event._tag) {
    case "RunAccepted":
      return publish(...RunEvents.accepted(event, meta).map(must))
    case "RunStarted":
      return publish(...RunEvents.started(event, meta).map(must))
    case "TextDelta":
      return interests.deltas ? publish(append(RunEvents.textDelta(event, meta, event.text))) : noFrames
    case "ToolStarted":
    case "ToolUpdated":
    case "ToolEnded":
      return interests.tools || interests.sessions
        ? publish(must(RunEvents.toolStep(event, meta, interests.tools)))
        : noFrames
    case "RunEnded":
      // The run that took the message over has the reply.
      return event.outcome === "done" && event.takenBy === undefined
        ? Effect.map(replyOf(event.runId), (reply) => RunEvents.ended(event, meta, reply).map(must))
        : publish(...RunEvents.ended(event, meta, undefined).map(must))
  }
}

const encodeMessage = (
  interests: Interests,
  { must }: Frames,
  { message }: Event<"MessageAdded">,
): ReadonlyArray<Frame> => {
  const isReply = message.runId === null && message.role === "assistant"
  return [
    ...(isReply && wantsRuns(interests, message.sessionKey) ? [must(RunEvents.injectedMessage(message))] : []),
    ...(wantsMessages(interests, message.sessionKey) ? SessionEvents.messageAdded(message).map(must) : []),
  ]
}

/**
 * Clients count down to the expiry themselves, and take a `resolved` without a decision for an answer. Only
 * `session.approval` tells that an approval has expired.
 */
const encodeApproval = (interests: Interests, { must }: Frames, approval: Approval, at: number) => {
  const kind = kindOf(approval)
  const isPending = approval.status === "pending"
  const isLine = isPending && interests.approvalLines && kind === "exec" && approval.sessionKey !== ""
  return [
    ...(isPending ? [must([`${kind}.approval.requested`, requestedRow(approval)])] : []),
    ...(approval.decision === null ? [] : [must([`${kind}.approval.resolved`, resolvedRow(approval, at)])]),
    ...(isLine && wantsRuns(interests, approval.sessionKey) ? [must(RunEvents.approvalLine(approval, at))] : []),
    ...(interests.approvals.includes(approval.sessionKey)
      ? [must(["session.approval", sessionApproval(approval, at)])]
      : []),
  ]
}

const encodeEvent = (interests: Interests, { at, event, seq }: Positioned): Encoded => {
  const frames = framesFor(interests)
  const { latest, must } = frames
  const ts = Math.floor(at)
  switch (event._tag) {
    case "RunAccepted":
    case "RunStarted":
    case "RunEnded":
    case "ToolStarted":
    case "ToolUpdated":
    case "ToolEnded":
    case "TextDelta":
      return encodeRun(interests, frames, event, { seq, at })
    case "MessageAdded":
      return publish(...encodeMessage(interests, frames, event))
    case "MessagesRemoved":
      return wantsMessages(interests, event.sessionKey)
        ? publish(must(SessionEvents.messagesRemoved(event.sessionKey, event.reason, at)))
        : noFrames
    case "SessionOpened":
      return Effect.map(SessionEvents.sessionChanged(event.session, "create", at), (payload) => [must(payload)])
    case "SessionChanged":
      return Effect.map(SessionEvents.sessionChanged(event.session, "patch", at), (payload) => [
        latest(`session ${event.session.key}`, payload),
      ])
    case "SessionClosed":
      return publish(must(SessionEvents.sessionClosed(event.sessionKey, at)))
    case "PresenceChanged":
      return publish(latest("presence", ["presence", { presence: presenceEntries(event.presence, at) }]))
    case "AgentChanged": {
      const { id: agentId, model, name, runtime } = event.agent
      return publish(must(["agent.config", { agentId, name, model, runtime, ts }]))
    }
    case "AgentRemoved":
      return publish(must(["agent.config", { agentId: event.agentId, removed: true, ts }]))
    case "PairingRequested":
      return publish(must(["device.pair.requested", pairingRow(event.request)]))
    case "PairingResolved": {
      const { decision, deviceId, requestId } = event
      return publish(must(["device.pair.resolved", { requestId, deviceId, decision, ts }]))
    }
    case "ApprovalRequested":
    case "ApprovalResolved":
      return publish(...encodeApproval(interests, frames, event.approval, at))
    case "QuestionRequested":
      return publish(must(["question.requested", questionRow(event.question)]))
    case "QuestionResolved":
      return publish(must(["question.resolved", resolvedQuestionRow(event.question)]))
    case "GatewayStopping": {
      const { drainMs, reason, restartExpectedMs } = event
      // Clients count from the event on. The open runs get `drainMs` before the restart.
      const expected = restartExpectedMs === undefined ? undefined : Math.floor(drainMs + restartExpectedMs)
      return publish(must(["shutdown", { reason, ...given({ restartExpectedMs: expected }) }]))
    }
  }
  return noFrames
}

/** Encodes an item for the interests of a view. */
export const encode = (interests: Interests, item: EventItem): Encoded => {
  if (item._tag === "Event") return encodeEvent(interests, item)
  // The partial output of a run, for a client that joins. A client without deltas gets it with the next whole text.
  return item._tag === "RunText" && interests.deltas && item.text !== "" && wantsRuns(interests, item.sessionKey)
    ? publish(framesFor(interests).must(RunEvents.textReplacement(item, { seq: item.seq, at: 0 }, item.text)))
    : noFrames
}

/** The shortest time between two whole texts: the interval of the reference gateway, and as fast as people read. */
export const TEXT_MS = 100

/** Encodes the whole text of a run for clients without deltas, and its thinking for all clients. */
export const encodeText = (interests: Interests, text: ThrottledText): ReadonlyArray<Frame> => {
  if (!wantsRuns(interests, text.sessionKey)) return []
  const { append } = framesFor(interests)
  return [
    ...(text.newThinking === "" ? [] : [RunEvents.thinkingUpdate(text, text, text.thinking, text.newThinking)]),
    ...(text.newText === "" || interests.deltas ? [] : RunEvents.textUpdate(text, text, text.text, text.newText)),
  ].map(append)
}

/** Encodes a tick, and the health for clients that may read. */
export const keepAliveFrames = (interests: Interests, now: number): ReadonlyArray<EventFrame> => {
  const { latest, text } = framesFor(interests)
  const query = Effect.map(health, (data) => text(["health", data]))
  return [
    latest("tick", ["tick", { ts: Math.floor(now) }]),
    ...(interests.canRead ? [{ policy: "snapshot", key: "health", query } as const] : []),
  ]
}
