/**
 * Telling: the gateway's events as Mission Control's channels tell them. Pure: what a frame says beyond its event, and
 * lists that are told again as a whole, are inquiries for the fan-out to make.
 */
import * as Effect from "effect/Effect"
import type { Document } from "../../domain/Memory.ts"
import type { EventFilter, EventItem, Position, Topic } from "../../domain/Event.ts"
import type { EventFrame } from "../dialect/Dialect.ts"
import type { Query } from "../dialect/Query.ts"
import { fileOf } from "./Files.ts"
import { type Channel, channels } from "./MessagesIn.ts"
import { data } from "./MessagesOut.ts"
import * as Resources from "./Resources.ts"
import { logRow, memoryRow, sessionRow } from "./Views.ts"

const topics: Record<Channel, Topic> = {
  sessions: "sessions",
  memory: "memory",
  logs: "logs",
  files: "memory",
  tasks: "memory",
  memories: "memory",
}

/** The events behind the channels. */
export const filterOf = (subscribed: ReadonlySet<Channel>): EventFilter => ({
  topics: [...new Set(channels.filter((channel) => subscribed.has(channel)).map((channel) => topics[channel]))],
})

/** The channels that a client has subscribed to, in one order. Clients with the same view get the same frames. */
export type View = ReadonlyArray<Channel>

export const viewOf = (subscribed: ReadonlySet<Channel>): View => channels.filter((channel) => subscribed.has(channel))

export const viewKey = (view: View): string => view.join(" ")

const nothing: Query<ReadonlyArray<EventFrame>> = Effect.succeed([])

const frames = (...frames: ReadonlyArray<EventFrame>): Query<ReadonlyArray<EventFrame>> => Effect.succeed(frames)

const must = (text: string): EventFrame => ({ policy: "must", text })

/** The lists that clients cannot keep up to date by what they are told of each change. */
const lists = {
  sessions: Resources.sessions,
  memory: Resources.memory,
  tasks: Resources.tasks,
  memories: Resources.memories,
} satisfies { readonly [channel: string]: () => Query<unknown> }

/** A channel's list, as it is when it is told. */
const list = (channel: keyof typeof lists, at: number): EventFrame => ({
  policy: "snapshot",
  key: channel,
  query: Effect.map(lists[channel](), (payload: unknown) => data(channel, payload, at)),
})

type Place = { readonly at: number; readonly position: Position }

/** Of two frames the last has the position: who has seen the first alone must be told the second again. */
const documentChanged = (
  wanted: View,
  { id }: Document,
  isNew: boolean,
  { at, position }: Place,
): Query<ReadonlyArray<EventFrame>> =>
  Effect.map(Resources.document(id), (document) => {
    if (document === undefined) return []
    const told: Array<EventFrame> = []
    const isFile = wanted.includes("files")
    if (wanted.includes("memory")) {
      const text = data("memory_update", memoryRow(document), at, isFile ? undefined : position)
      told.push({ policy: "latest", key: `memory ${id}`, text })
    }
    if (isFile) {
      const text = data(isNew ? "file_add" : "file_change", { file: fileOf(document) }, at, position)
      told.push(isNew ? must(text) : { policy: "latest", key: `file ${id}`, text })
    }
    return told
  })

const documentLists = (wanted: View, at: number): ReadonlyArray<EventFrame> =>
  (["tasks", "memories"] as const).filter((channel) => wanted.includes(channel)).map((channel) => list(channel, at))

/** Encodes an item for the channels of a view. */
export const encode = (wanted: View, item: EventItem, epoch: string): Query<ReadonlyArray<EventFrame>> => {
  if (item._tag !== "Event") return nothing
  const { at, event, seq } = item
  const position = { epoch, seq }
  switch (event._tag) {
    case "SessionOpened":
      return frames(must(data("session_open", sessionRow(event.session), at, position)), list("sessions", at))
    case "SessionClosed":
      return frames(must(data("session_close", { key: event.sessionKey }, at, position)), list("sessions", at))
    case "SessionChanged": {
      const text = data("session_update", sessionRow(event.session), at, position)
      return frames({ policy: "latest", key: `session ${event.session.key}`, text })
    }
    case "LogAdded":
      return frames(must(data("log_entry", logRow(event.entry), at, position)))
    case "MemoryChanged": {
      const whole = documentLists(wanted, at)
      if (!wanted.includes("memory") && !wanted.includes("files")) return frames(...whole)
      const changed = documentChanged(wanted, event.document, event.isNew, { at, position })
      return Effect.map(changed, (told) => [...told, ...whole])
    }
    case "MemoryRemoved":
      return frames(
        ...(wanted.includes("files") ? [must(data("file_delete", { date: event.id }, at, position))] : []),
        ...(wanted.includes("memory") ? [list("memory", at)] : []),
        ...documentLists(wanted, at),
      )
  }
  return nothing
}
