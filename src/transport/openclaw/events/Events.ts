/**
 * Events: what happens in the gateway as the frames of this dialect, for an audience. One event of the contract may be
 * several here, or none. Pure.
 */
import * as Effect from "effect/Effect"
import type { EventItem, GatewayEvent, Positioned } from "../../../domain/Event.ts"
import type { EventFrame, Frame, ThrottledText } from "../../dialect/Dialect.ts"
import { call, type Query } from "../../dialect/Query.ts"
import type { Merge } from "../../connection/Outbox.ts"
import type { Interests } from "./Interests.ts"
import { pairingRow } from "../methods/Devices.ts"
import { writeEvent } from "../wire/Frames.ts"
import { health } from "../methods/Health.ts"
import { mergeable, mergeKey } from "./DeltaMerge.ts"
import { presenceEntries } from "../methods/Presence.ts"
import * as RunEvents from "./RunEvents.ts"
import type { Payload, Place } from "./RunEvents.ts"
import * as SessionEvents from "./SessionEvents.ts"

/** `features.events` of hello-ok. */
export const eventNames: ReadonlyArray<string> = [
  "connect.challenge",
  "agent",
  "agent.config",
  "chat",
  "device.pair.requested",
  "device.pair.resolved",
  "health",
  "presence",
  "session.message",
  "session.tool",
  "sessions.changed",
  "shutdown",
  "tick",
]

type Encoded = Query<ReadonlyArray<EventFrame>>

const nothing: Encoded = Effect.succeed([])

const send = (...frames: ReadonlyArray<EventFrame>): Encoded => Effect.succeed(frames)

/** Words payloads for an audience. */
const frames = ({ data: member }: Interests) => {
  const text = ([event, data]: Payload): string => writeEvent(member, event, data)
  // What is merged under a key has been worded here, which the outbox does not know.
  const by = mergeable(text) as Merge<unknown>
  return {
    text,
    must: (payload: Payload): Frame => ({ policy: "must", text: text(payload) }),
    latest: (key: string, payload: Payload): Frame => ({ policy: "latest", key, text: text(payload) }),
    grow: (value: Payload): Frame => ({ policy: "append", key: mergeKey(value), text: text(value), value, by }),
  }
}
type FrameBuilder = ReturnType<typeof frames>

/** Whether the runs of a session are told to the audience. */
const wantsRuns = ({ keys, scoped }: Interests, sessionKey: string): boolean => !scoped || keys.includes(sessionKey)

const wantsMessages = ({ keys, sessions }: Interests, sessionKey: string): boolean =>
  sessions || keys.includes(sessionKey)

type Event<Tag extends GatewayEvent["_tag"]> = Extract<GatewayEvent, { readonly _tag: Tag }>
type RunEvent = Event<
  "RunAccepted" | "RunStarted" | "RunEnded" | "ToolStarted" | "ToolUpdated" | "ToolEnded" | "TextDelta"
>

/** The whole reply is the run's own to tell; a run that is forgotten has ended without. */
const replyOf = (runId: string): Query<string | undefined> =>
  Effect.matchEffect(call("runs.wait", { runId, timeoutMs: 0 }), {
    onSuccess: ({ reply }) => Effect.succeed(reply),
    onFailure: () => Effect.succeed(undefined),
  })

const encodeRun = (audience: Interests, { grow, must }: FrameBuilder, event: RunEvent, place: Place): Encoded => {
  if (!wantsRuns(audience, event.sessionKey)) return nothing
  switch (event._tag) {
    case "RunAccepted":
      return send(...RunEvents.accepted(event, place).map(must))
    case "RunStarted":
      return send(...RunEvents.started(event, place).map(must))
    case "TextDelta":
      return audience.deltas ? send(grow(RunEvents.delta(event, place, event.text))) : nothing
    case "ToolStarted":
    case "ToolUpdated":
    case "ToolEnded":
      return audience.tools || audience.sessions ? send(must(RunEvents.tool(event, place, audience.tools))) : nothing
    case "RunEnded":
      return event.outcome === "done"
        ? Effect.map(replyOf(event.runId), (reply) => RunEvents.ended(event, place, reply).map(must))
        : send(...RunEvents.ended(event, place, undefined).map(must))
  }
}

const encodeMessage = (
  audience: Interests,
  { must }: FrameBuilder,
  { message }: Event<"MessageAdded">,
): ReadonlyArray<Frame> => {
  const isReply = message.runId === null && message.role === "assistant"
  return [
    ...(isReply && wantsRuns(audience, message.sessionKey) ? [must(RunEvents.injected(message))] : []),
    ...(wantsMessages(audience, message.sessionKey) ? SessionEvents.messageAdded(message).map(must) : []),
  ]
}

const encodeEvent = (audience: Interests, { at, event, seq }: Positioned): Encoded => {
  const says = frames(audience)
  const { latest, must } = says
  const ts = Math.floor(at)
  switch (event._tag) {
    case "RunAccepted":
    case "RunStarted":
    case "RunEnded":
    case "ToolStarted":
    case "ToolUpdated":
    case "ToolEnded":
    case "TextDelta":
      return encodeRun(audience, says, event, { seq, at })
    case "MessageAdded":
      return send(...encodeMessage(audience, says, event))
    case "MessagesRemoved":
      return wantsMessages(audience, event.sessionKey)
        ? send(must(SessionEvents.messagesRemoved(event.sessionKey, event.reason, at)))
        : nothing
    case "SessionOpened":
      return Effect.map(SessionEvents.sessionChanged(event.session, "create", at), (payload) => [must(payload)])
    case "SessionChanged":
      return Effect.map(SessionEvents.sessionChanged(event.session, "patch", at), (payload) => [
        latest(`session ${event.session.key}`, payload),
      ])
    case "SessionClosed":
      return send(must(SessionEvents.sessionClosed(event.sessionKey, at)))
    case "PresenceChanged":
      return send(latest("presence", ["presence", { presence: presenceEntries(event.presence, at) }]))
    case "AgentChanged": {
      const { id: agentId, model, name, runtime } = event.agent
      return send(must(["agent.config", { agentId, name, model, runtime, ts }]))
    }
    case "AgentRemoved":
      return send(must(["agent.config", { agentId: event.agentId, removed: true, ts }]))
    case "PairingRequested":
      return send(must(["device.pair.requested", pairingRow(event.request)]))
    case "PairingResolved": {
      const { decision, deviceId, requestId } = event
      return send(must(["device.pair.resolved", { requestId, deviceId, decision, ts }]))
    }
    case "GatewayStopping": {
      const { drainMs, reason, restartExpectedMs } = event
      // Counted from now on: what runs gets its time before.
      const back = restartExpectedMs === undefined ? {} : { restartExpectedMs: Math.floor(drainMs + restartExpectedMs) }
      return send(must(["shutdown", { reason, ...back }]))
    }
  }
  return nothing
}

/** Encodes an item for the interests of a view. */
export const encode = (audience: Interests, item: EventItem): Encoded => {
  if (item._tag === "Event") return encodeEvent(audience, item)
  // What a run has said before a client came; who is told the whole text is told that soon enough.
  return item._tag === "RunText" && audience.deltas && item.text !== "" && wantsRuns(audience, item.sessionKey)
    ? send(frames(audience).must(RunEvents.replaced(item, { seq: item.seq, at: 0 }, item.text)))
    : nothing
}

/** How often at most: as often as the reference gateway, and as eyes can follow. */
export const TEXT_MS = 100

/** What a run has said as a whole, for those who are not told its deltas; its thoughts for all. */
export const encodeText = (audience: Interests, text: ThrottledText): ReadonlyArray<Frame> => {
  if (!wantsRuns(audience, text.sessionKey)) return []
  const { grow } = frames(audience)
  return [
    ...(text.newThinking === "" ? [] : [RunEvents.thought(text, text, text.thinking, text.newThinking)]),
    ...(text.newText === "" || audience.deltas ? [] : RunEvents.grown(text, text, text.text, text.newText)),
  ].map(grow)
}

/** That the gateway is there, and to who may read how it is. */
export const keepAliveFrames = (audience: Interests, now: number): ReadonlyArray<EventFrame> => {
  const { latest, text } = frames(audience)
  const query = Effect.map(health, (data) => text(["health", data]))
  return [
    latest("tick", ["tick", { ts: Math.floor(now) }]),
    ...(audience.reads ? [{ policy: "snapshot", key: "health", query } as const] : []),
  ]
}
