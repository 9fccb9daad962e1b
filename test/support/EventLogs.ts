/** Event logs for tests, with short events and short names for them. The tests of events/ use it. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { EventItem, KeptEvent, LiveEvent, Position, Positioned } from "../../src/domain/Event.ts"
import { GatewayConfig } from "../../src/domain/GatewayConfig.ts"
import type { EventTuning } from "../../src/services/events/EventLog.ts"
import { Events } from "../../src/services/events/Events.ts"
import * as Database from "../../src/services/storage/Database.ts"

export const layerWith = (
  tuning: Partial<EventTuning>,
  events: { readonly retainRows?: number; readonly retainDays?: number } = {},
) =>
  Events.layerTuned(tuning).pipe(
    Layer.provideMerge(Database.layerMemory),
    Layer.provide(GatewayConfig.layer({ events })),
  )

export const layer = layerWith({})

export const layerFile = (file: string) =>
  Events.layer.pipe(Layer.provideMerge(Database.layerFile(file)), Layer.provide(GatewayConfig.layer({})))

export const temporaryFile = Effect.acquireRelease(
  Effect.sync(() => Path.join(Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-events-")), "events.db")),
  (file) => Effect.sync(() => Fs.rmSync(Path.dirname(file), { recursive: true })),
)

const ofRun = (runId: string) => ({ runId, sessionKey: "s", agentId: "main" })

export const removed = (id: string): KeptEvent => ({ _tag: "MemoryRemoved", id })
export const started = (runId: string): KeptEvent => ({ _tag: "RunStarted", ...ofRun(runId), attempt: 1 })
export const ended = (runId: string): KeptEvent => ({ _tag: "RunEnded", ...ofRun(runId), outcome: "done" })
export const delta = (runId: string, text: string): LiveEvent => ({ _tag: "TextDelta", ...ofRun(runId), text })

/** Returns a short name: the id of a removed document, `+text` of a delta, `run=text` of a partial output, or the tag. */
export const nameOf = (item: EventItem): string => {
  if (item._tag === "Joined") return item.reset === null ? "Joined" : `Joined:${item.reset}`
  if (item._tag === "RunText") return `${item.runId}=${item.text}`
  if (item._tag === "CaughtUp") return "CaughtUp"
  const { event } = item
  if (event._tag === "MemoryRemoved") return event.id
  return event._tag === "TextDelta" ? `+${event.text}` : event._tag
}

/** Commits one event for each id. */
export const commit = (...ids: ReadonlyArray<string>) =>
  Effect.flatMap(Events, (events) => events.commit(Effect.succeed([undefined, ids.map(removed)])))

export const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `${from + index}`)

/** Returns the names of all items that a new subscriber receives up to `CaughtUp`. */
export const missed = (from: Position | undefined) =>
  Effect.flatMap(Events, (events) =>
    events.subscribe({}, from).pipe(
      Stream.takeUntil((item) => item._tag === "CaughtUp"),
      Stream.map(nameOf),
      Stream.runCollect,
    ),
  )

/** Returns a list that fills with the events that an observer receives. */
export const observed = Effect.gen(function* () {
  const seen: Array<Positioned> = []
  yield* (yield* Events).onEvent((event) => seen.push(event))
  return seen
})

export const isUnavailable = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some(
    (reason) => Cause.isFailReason(reason) && String(reason.error).startsWith("StorageUnavailable"),
  )

export const isDefect = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) && Cause.hasDies(exit.cause)
