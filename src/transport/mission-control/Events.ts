/**
 * Events: encodes the gateway's events as frames of Mission Control's channels. Frames that need more than their event,
 * such as whole lists, are queries that the fan-out runs. MissionControl.ts uses it.
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

/** Returns the filter for the events of the channels. */
export const filterOf = (subscribed: ReadonlySet<Channel>): EventFilter => ({
  topics: [...new Set(channels.filter((channel) => subscribed.has(channel)).map((channel) => topics[channel]))],
})

/** The channels of a client's subscription, in the order of `channels`. Clients with the same view share frames. */
export type View = ReadonlyArray<Channel>

export const viewOf = (subscribed: ReadonlySet<Channel>): View => channels.filter((channel) => subscribed.has(channel))

export const viewKey = (view: View): string => view.join(" ")

const noFrames: Query<ReadonlyArray<EventFrame>> = Effect.succeed([])

const frames = (...frames: ReadonlyArray<EventFrame>): Query<ReadonlyArray<EventFrame>> => Effect.succeed(frames)

const must = (text: string): EventFrame => ({ policy: "must", text })

/** The lists that clients cannot keep up to date from the frames of single changes. */
const lists = {
  sessions: Resources.sessions,
  memory: Resources.memory,
  tasks: Resources.tasks,
  memories: Resources.memories,
} satisfies { readonly [channel: string]: () => Query<unknown> }

/** Returns a frame with a channel's whole list, as it is when the fan-out sends it. */
const list = (channel: keyof typeof lists, at: number): EventFrame => ({
  policy: "snapshot",
  key: channel,
  query: Effect.map(lists[channel](), (payload: unknown) => data(channel, payload, at)),
})

/** The time and the position of an event. */
type Place = { readonly at: number; readonly position: Position }

/**
 * Encodes a changed document. If the document has two frames, only the second has the position, so that a client that
 * received only the first receives both again when it resumes.
 */
const documentChanged = (
  view: View,
  { id }: Document,
  isNew: boolean,
  { at, position }: Place,
): Query<ReadonlyArray<EventFrame>> =>
  Effect.gen(function* () {
    const document = yield* Resources.document(id)
    if (document === undefined) return []
    const changed: Array<EventFrame> = []
    const wantsFiles = view.includes("files")
    if (view.includes("memory")) {
      const text = data("memory_update", memoryRow(document), at, wantsFiles ? undefined : position)
      changed.push({ policy: "latest", key: `memory ${id}`, text })
    }
    if (wantsFiles) {
      const text = data(isNew ? "file_add" : "file_change", { file: fileOf(document) }, at, position)
      changed.push(isNew ? must(text) : { policy: "latest", key: `file ${id}`, text })
    }
    return changed
  })

/** Returns the lists of tasks and memories that the view wants. */
const documentLists = (view: View, at: number): ReadonlyArray<EventFrame> =>
  (["tasks", "memories"] as const).filter((channel) => view.includes(channel)).map((channel) => list(channel, at))

/** Encodes an item for the channels of a view. */
export const encode = (view: View, item: EventItem, epoch: string): Query<ReadonlyArray<EventFrame>> => {
  if (item._tag !== "Event") return noFrames
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
      const wholeLists = documentLists(view, at)
      if (!view.includes("memory") && !view.includes("files")) return frames(...wholeLists)
      const changed = documentChanged(view, event.document, event.isNew, { at, position })
      return Effect.map(changed, (single) => [...single, ...wholeLists])
    }
    case "MemoryRemoved":
      return frames(
        ...(view.includes("files") ? [must(data("file_delete", { date: event.id }, at, position))] : []),
        ...(view.includes("memory") ? [list("memory", at)] : []),
        ...documentLists(view, at),
      )
  }
  return noFrames
}
