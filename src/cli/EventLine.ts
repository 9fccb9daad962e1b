/**
 * EventLine: an event as one line for a person. What is only in between, the pieces of a text that a message will hold
 * as a whole, has none.
 */
import { describe } from "../domain/Binding.ts"
import { type GatewayEvent, sessionOf } from "../domain/Event.ts"
import type { LogEntry } from "../domain/Log.ts"
import { faint, line, moment, shortened } from "./Output.ts"

type Detail = {
  readonly [Tag in GatewayEvent["_tag"]]?: (event: Extract<GatewayEvent, { readonly _tag: Tag }>) => string
}

const CHARACTERS = 100

const detail: Detail = {
  SessionChanged: ({ session }) => session.activity,
  MessageAdded: ({ message }) => `${message.role}: ${message.text}`,
  MessagesRemoved: ({ ids, reason }) => `${reason}: ${ids.length === 0 ? "all" : ids.length}`,
  RunStarted: ({ agentId, attempt }) => (attempt > 1 ? `${agentId}, attempt ${attempt}` : agentId),
  ToolStarted: ({ input, name }) => `${name} ${input}`,
  ToolEnded: ({ isError, name, output }) => `${name} ${isError ? "failed: " : ""}${output}`,
  RunEnded: ({ error, outcome }) => (error === undefined ? outcome : `${outcome}: ${error.message}`),
  AgentChanged: ({ agent }) => agent.id,
  AgentRemoved: ({ agentId }) => agentId,
  BindingsChanged: ({ bindings }) => bindings.map(describe).join("; "),
  MemoryChanged: ({ document, isNew }) => `${document.id}${isNew ? ", new" : ""}`,
  MemoryRemoved: ({ id }) => id,
  DeviceChanged: ({ device }) => `${device.displayName ?? ""} ${device.deviceId}`,
  DeviceRemoved: ({ deviceId }) => deviceId,
  PairingRequested: ({ request: { deviceId, displayName, requestId, role, scopes } }) =>
    `${requestId} ${displayName ?? deviceId}: ${[role, ...scopes].join(" ")}`,
  PairingResolved: ({ decision, requestId }) => `${requestId} ${decision}`,
  PresenceChanged: ({ presence }) => `${presence.length} connected`,
  GatewayStopping: ({ reason }) => reason,
}

const isInBetween = (event: GatewayEvent): boolean =>
  event._tag === "TextDelta" || event._tag === "ThinkingDelta" || event._tag === "ToolUpdated"

const detailOf = <Tag extends GatewayEvent["_tag"]>(
  event: Extract<GatewayEvent, { readonly _tag: Tag }> & { readonly _tag: Tag },
): string => detail[event._tag]?.(event) ?? ""

/** Undefined: the event has no line. */
export const eventLine = (at: number, event: GatewayEvent): string | undefined => {
  if (isInBetween(event)) return undefined
  if (event._tag === "LogAdded") return logLine(event.entry)
  const words = [event._tag.padEnd(15), line(sessionOf(event) ?? ""), shortened(detailOf(event), CHARACTERS)]
  return `${faint(moment(at))}  ${words
    .filter((word) => word !== "")
    .join("  ")
    .trimEnd()}`
}

export const logLine = ({ at, level, message, source }: LogEntry): string =>
  `${faint(moment(at))}  ${level.toUpperCase().padEnd(5)}  ${shortened(`${source}: ${message}`, 10 * CHARACTERS)}`
