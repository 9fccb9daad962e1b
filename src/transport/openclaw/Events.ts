/**
 * Events: what happens in the gateway as the frames of this dialect, for an audience. One event of the contract may be
 * several here, or none. Pure.
 */
import type { EventItem, GatewayEvent, Positioned } from "../../domain/Event.ts"
import type { Frame, Telling, Told } from "../Dialect.ts"
import { ask, type Inquiry, known, map } from "../Inquiry.ts"
import type { Merge } from "../Outbox.ts"
import type { PacedText } from "../Pacing.ts"
import { type Audience, fromWording } from "./Audience.ts"
import { pairingRow } from "./Devices.ts"
import { writeEvent } from "./Frames.ts"
import { health } from "./Health.ts"
import { growing, growingKey } from "./Growing.ts"
import { presenceEntries } from "./Presence.ts"
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

/** Words payloads for an audience. */
const voice = ({ data: member }: Audience) => {
  const text = ([event, data]: Payload): string => writeEvent(member, event, data)
  // What is merged under a key has been worded here, which the outbox does not know.
  const by = growing(text) as Merge<unknown>
  return {
    text,
    must: (payload: Payload): Frame => ({ policy: "must", text: text(payload) }),
    latest: (key: string, payload: Payload): Frame => ({ policy: "latest", key, text: text(payload) }),
    grow: (value: Payload): Frame => ({ policy: "append", key: growingKey(value), text: text(value), value, by }),
  }
}
type Voice = ReturnType<typeof voice>

/** Whether the runs of a session are told to the audience. */
const hearsRuns = ({ keys, scoped }: Audience, sessionKey: string): boolean => !scoped || keys.includes(sessionKey)

const hearsMessages = ({ keys, sessions }: Audience, sessionKey: string): boolean =>
  sessions || keys.includes(sessionKey)

type Event<Tag extends GatewayEvent["_tag"]> = Extract<GatewayEvent, { readonly _tag: Tag }>
type RunEvent = Event<
  "RunAccepted" | "RunStarted" | "RunEnded" | "ToolStarted" | "ToolUpdated" | "ToolEnded" | "TextDelta"
>

/** The whole reply is the run's own to tell; a run that is forgotten has ended without. */
const replyOf = (runId: string): Inquiry<string | undefined> =>
  ask(
    "runs.wait",
    { runId, timeoutMs: 0 },
    ({ reply }) => known(reply),
    () => known(undefined),
  )

const tellRun = (audience: Audience, { grow, must }: Voice, event: RunEvent, place: Place): Telling | undefined => {
  if (!hearsRuns(audience, event.sessionKey)) return undefined
  switch (event._tag) {
    case "RunAccepted":
      return RunEvents.accepted(event, place).map(must)
    case "RunStarted":
      return RunEvents.started(event, place).map(must)
    case "TextDelta":
      return audience.deltas ? grow(RunEvents.delta(event, place, event.text)) : undefined
    case "ToolStarted":
    case "ToolUpdated":
    case "ToolEnded":
      return audience.tools || audience.sessions ? must(RunEvents.tool(event, place, audience.tools)) : undefined
    case "RunEnded":
      return event.outcome === "done"
        ? map(replyOf(event.runId), (reply) => RunEvents.ended(event, place, reply).map(must))
        : RunEvents.ended(event, place, undefined).map(must)
  }
}

const tellMessage = (audience: Audience, { must }: Voice, { message }: Event<"MessageAdded">): ReadonlyArray<Frame> => {
  const isReply = message.runId === null && message.role === "assistant"
  return [
    ...(isReply && hearsRuns(audience, message.sessionKey) ? [must(RunEvents.injected(message))] : []),
    ...(hearsMessages(audience, message.sessionKey) ? SessionEvents.messageAdded(message).map(must) : []),
  ]
}

const tellEvent = (audience: Audience, { at, event, seq }: Positioned): Telling | undefined => {
  const says = voice(audience)
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
      return tellRun(audience, says, event, { seq, at })
    case "MessageAdded":
      return tellMessage(audience, says, event)
    case "MessagesRemoved":
      return hearsMessages(audience, event.sessionKey)
        ? must(SessionEvents.messagesRemoved(event.sessionKey, event.reason, at))
        : undefined
    case "SessionOpened":
      return map(SessionEvents.sessionChanged(event.session, "create", at), (payload) => [must(payload)])
    case "SessionChanged":
      return map(SessionEvents.sessionChanged(event.session, "patch", at), (payload) => [
        latest(`session ${event.session.key}`, payload),
      ])
    case "SessionClosed":
      return must(SessionEvents.sessionClosed(event.sessionKey, at))
    case "PresenceChanged":
      return latest("presence", ["presence", { presence: presenceEntries(event.presence, at) }])
    case "AgentChanged": {
      const { id: agentId, model, name, runtime } = event.agent
      return must(["agent.config", { agentId, name, model, runtime, ts }])
    }
    case "AgentRemoved":
      return must(["agent.config", { agentId: event.agentId, removed: true, ts }])
    case "PairingRequested":
      return must(["device.pair.requested", pairingRow(event.request)])
    case "PairingResolved": {
      const { decision, deviceId, requestId } = event
      return must(["device.pair.resolved", { requestId, deviceId, decision, ts }])
    }
    case "GatewayStopping": {
      const { drainMs, reason, restartExpectedMs } = event
      // Counted from now on: what runs gets its time before.
      const back = restartExpectedMs === undefined ? {} : { restartExpectedMs: Math.floor(drainMs + restartExpectedMs) }
      return must(["shutdown", { reason, ...back }])
    }
  }
  return undefined
}

/** `wording`: of `wordingOf`. */
export const tell = (wording: string, item: EventItem): Telling | undefined => {
  const audience = fromWording(wording)
  if (item._tag === "Event") return tellEvent(audience, item)
  // What a run has said before a client came; who is told the whole text is told that soon enough.
  return item._tag === "RunText" && audience.deltas && item.text !== "" && hearsRuns(audience, item.sessionKey)
    ? voice(audience).must(RunEvents.replaced(item, { seq: item.seq, at: 0 }, item.text))
    : undefined
}

/** How often at most: as often as the reference gateway, and as eyes can follow. */
export const TEXT_MS = 100

/** What a run has said as a whole, for those who are not told its deltas; its thoughts for all. */
export const tellText = (wording: string, text: PacedText): ReadonlyArray<Frame> => {
  const audience = fromWording(wording)
  if (!hearsRuns(audience, text.sessionKey)) return []
  const { grow } = voice(audience)
  return [
    ...(text.newThinking === "" ? [] : [RunEvents.thought(text, text, text.thinking, text.newThinking)]),
    ...(text.newText === "" || audience.deltas ? [] : RunEvents.grown(text, text, text.text, text.newText)),
  ].map(grow)
}

/** That the gateway is there, and to who may read how it is. */
export const signsOfLife = (wording: string, now: number): ReadonlyArray<Told> => {
  const audience = fromWording(wording)
  const { latest, text } = voice(audience)
  const inquiry = map(health(), (data) => text(["health", data]))
  return [
    latest("tick", ["tick", { ts: Math.floor(now) }]),
    ...(audience.reads ? [{ policy: "digest", key: "health", inquiry } as const] : []),
  ]
}
