/**
 * EventNames: the names of the events in `GET /events`, as pages listen for them. SseEncoding.ts uses the table. A new event
 * of the gateway gets its name here.
 */
import type { EventItem, GatewayEvent } from "../../domain/Event.ts"

/** The names of the items of a subscription that are no events. */
const itemNames: Readonly<Record<Exclude<EventItem["_tag"], "Event">, string>> = {
  Joined: "joined",
  RunText: "run.text",
  CaughtUp: "caught-up",
}

const names: Readonly<Record<GatewayEvent["_tag"], string>> = {
  SessionOpened: "session.opened",
  SessionChanged: "session.changed",
  SessionClosed: "session.closed",
  MessageAdded: "message.added",
  MessagesRemoved: "messages.removed",
  RunAccepted: "run.accepted",
  RunStarted: "run.started",
  ToolStarted: "tool.started",
  ToolUpdated: "tool.updated",
  ToolEnded: "tool.ended",
  TextDelta: "text.delta",
  ThinkingDelta: "thinking.delta",
  RunEnded: "run.ended",
  AgentChanged: "agent.changed",
  AgentRemoved: "agent.removed",
  BindingsChanged: "bindings.changed",
  MemoryChanged: "memory.changed",
  MemoryRemoved: "memory.removed",
  PresenceChanged: "presence.changed",
  LogAdded: "log.added",
  DeviceChanged: "device.changed",
  DeviceRemoved: "device.removed",
  PairingRequested: "pairing.requested",
  PairingResolved: "pairing.resolved",
  ApprovalRequested: "approval.requested",
  ApprovalResolved: "approval.resolved",
  ApprovalGrantChanged: "approval.grant.changed",
  CardChanged: "agent.status",
  CardRemoved: "card.removed",
  TaskStarted: "agent.task",
  TaskProgressed: "agent.progress",
  FleetUpdated: "fleet.update",
  UpstreamChanged: "upstream.changed",
  QuestionRequested: "question.requested",
  QuestionResolved: "question.resolved",
  GatewayStopping: "gateway.stopping",
}

/** The name of the event before the gateway closes a stream. */
export const CLOSED = "closed"

/** Every name, for the reference. */
export const everyName: ReadonlyArray<string> = [...Object.values(itemNames), ...Object.values(names), CLOSED]

export const nameOf = (item: EventItem): string =>
  item._tag === "Event" ? names[item.event._tag] : itemNames[item._tag]
