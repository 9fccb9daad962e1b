/**
 * EventLine: formats an event as one line for people. Text deltas have no line, because the final message holds the
 * whole text. `causeway tail` uses it.
 */
import { describe } from "../../domain/Binding.ts"
import { type GatewayEvent, sessionOf } from "../../domain/Event.ts"
import type { LogEntry } from "../../domain/Log.ts"
import { line } from "../../domain/Printable.ts"
import * as Columns from "./Columns.ts"
import { faint, moment, type Page, oneLine } from "./Output.ts"

type Detail = {
  readonly [Tag in GatewayEvent["_tag"]]?: (event: Extract<GatewayEvent, { readonly _tag: Tag }>) => string
}

/** Columns of a session key. */
const KEY_COLUMNS = 60

/** Columns of the details of an event. */
const DETAIL_COLUMNS = 100

const detail: Detail = {
  SessionChanged: ({ session }) => session.activity,
  MessageAdded: ({ message }) => `${message.role}: ${message.text}`,
  MessagesRemoved: ({ ids, reason }) => `${reason}: ${ids.length === 0 ? "all" : ids.length}`,
  RunStarted: ({ agentId, attempt }) => (attempt > 1 ? `${agentId}, attempt ${attempt}` : agentId),
  ToolStarted: ({ input, name }) => `${name} ${input}`,
  ToolEnded: ({ isError, name, output }) => `${name} ${isError ? "failed: " : ""}${output}`,
  RunEnded: ({ error, outcome, takenBy }) => {
    if (takenBy !== undefined) return `taken over by ${takenBy}`
    return error === undefined ? outcome : `${outcome}: ${error.message}`
  },
  AgentChanged: ({ agent }) => agent.id,
  AgentRemoved: ({ agentId }) => agentId,
  BindingsChanged: ({ removed, set }) =>
    [...set.map(describe), ...removed.map((binding) => `removed ${describe(binding)}`)].join("; "),
  MemoryChanged: ({ document, isNew }) => `${document.id}${isNew ? ", new" : ""}`,
  MemoryRemoved: ({ id }) => id,
  DeviceChanged: ({ device }) => `${device.displayName ?? ""} ${device.deviceId}`,
  DeviceRemoved: ({ deviceId }) => deviceId,
  PairingRequested: ({ request: { deviceId, displayName, requestId, role, scopes } }) =>
    `${requestId} ${displayName ?? deviceId}: ${[role, ...scopes].join(" ")}`,
  PairingResolved: ({ decision, requestId }) => `${requestId} ${decision}`,
  ApprovalRequested: ({ approval: { id, input, tool } }) => `${id} ${tool} ${input}`,
  ApprovalResolved: ({ approval: { id, resolvedBy, status } }) =>
    `${id} ${status}${resolvedBy === null ? "" : ` by ${resolvedBy}`}`,
  ApprovalGrantChanged: ({ grant: { id, input, revokedAt, tool } }) =>
    `${id} ${revokedAt === null ? "granted" : "revoked"}: ${tool} ${input}`,
  QuestionRequested: ({ question: { id, parts } }) => `${id} ${parts.map(({ text }) => text).join(" ")}`,
  QuestionResolved: ({ question: { id, resolvedBy, status } }) =>
    `${id} ${status}${resolvedBy === null ? "" : ` by ${resolvedBy}`}`,
  PresenceChanged: ({ presence }) => `${presence.length} connected`,
  CardChanged: ({ card: { currentTask, id, status } }) => `${id} ${status}: ${currentTask ?? ""}`,
  CardRemoved: ({ id }) => id,
  TaskStarted: ({ id, task }) => `${id}: ${task}`,
  TaskProgressed: ({ id, task }) => `${id}: ${task}`,
  FleetUpdated: ({ cards }) => `${cards.length} cards`,
  UpstreamChanged: ({ upstream: { name, reason, state } }) => `${name} ${state}${reason === null ? "" : `: ${reason}`}`,
  GatewayStopping: ({ reason }) => reason,
}

const isDelta = (event: GatewayEvent): boolean =>
  event._tag === "TextDelta" || event._tag === "ThinkingDelta" || event._tag === "ToolUpdated"

const detailOf = <Tag extends GatewayEvent["_tag"]>(
  event: Extract<GatewayEvent, { readonly _tag: Tag }> & { readonly _tag: Tag },
): string => detail[event._tag]?.(event) ?? ""

/** Returns the line of an event, or `undefined` if the event has none. */
export const eventLine = (at: number, event: GatewayEvent): Page | undefined => {
  if (isDelta(event)) return undefined
  if (event._tag === "LogAdded") return logLine(event.entry)
  const parts = [
    event._tag.padEnd(15),
    Columns.truncated(line(sessionOf(event) ?? ""), KEY_COLUMNS, "middle"),
    oneLine(detailOf(event), DETAIL_COLUMNS),
  ]
  const shown = parts.filter((part) => part !== "")
  return [faint(moment(at)), `  ${shown.join("  ").trimEnd()}`]
}

export const logLine = ({ at, level, message, source }: LogEntry): Page => [
  faint(moment(at)),
  `  ${level.toUpperCase().padEnd(5)}  ${oneLine(`${source}: ${message}`, 10 * DETAIL_COLUMNS)}`,
]
