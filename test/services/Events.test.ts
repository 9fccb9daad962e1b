import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as SqlClient from "effect/sql/SqlClient"
import type { EventItem, KeptEvent, LiveEvent, Positioned } from "../../src/domain/Event.ts"
import { GatewayConfig } from "../../src/domain/GatewayConfig.ts"
import * as Database from "../../src/services/Database.ts"
import { Events } from "../../src/services/Events.ts"
import { Sqlite } from "../../src/services/Sqlite.ts"

const layer = Events.layer.pipe(Layer.provideMerge(Database.layerMemory), Layer.provide(GatewayConfig.layer({})))

const removed = (id: string): KeptEvent => ({ _tag: "MemoryRemoved", id })
const run = (runId: string, sessionKey = "s") => ({ runId, sessionKey, agentId: "main" })
const started = (runId: string): KeptEvent => ({ _tag: "RunStarted", ...run(runId), attempt: 1 })
const ended = (runId: string): KeptEvent => ({ _tag: "RunEnded", ...run(runId), outcome: "done" })
const delta = (runId: string, text: string): LiveEvent => ({ _tag: "TextDelta", ...run(runId), text })

const name = (item: EventItem): string => {
  if (item._tag === "Joined") return item.reset === null ? "Joined" : `Joined:${item.reset}`
  if (item._tag === "RunText") return `RunText:${item.runId}=${item.text}`
  if (item._tag === "CaughtUp") return "CaughtUp"
  const { event } = item
  if (event._tag === "MemoryRemoved") return event.id
  return event._tag === "TextDelta" ? `+${event.text}` : event._tag
}

const take = (count: number, from?: { readonly epoch: string; readonly seq: number }) =>
  Effect.flatMap(Events, (events) =>
    events.subscribe({}, from).pipe(Stream.take(count), Stream.map(name), Stream.runCollect),
  )

describe("Events", () => {
  it.live("a change and its events are there for who comes later", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      const answer = yield* events.commit((db) => {
        db.exec("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('one')")
        return ["answer", [removed("a"), removed("b")]]
      })
      expect(answer).toBe("answer")
      expect(yield* take(4, start)).toEqual(["Joined", "a", "b", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("work that throws loses its own writes, its neighbours keep theirs", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const { db } = yield* Sqlite
      const start = events.head()
      db.exec("CREATE TABLE notes (text TEXT)")
      const write = (text: string) =>
        events.commit((db) => {
          db.prepare("INSERT INTO notes VALUES (?)").run(text)
          if (text === "bad") throw new Error("on purpose")
          return [undefined, [removed(text)]]
        })
      const exits = yield* Effect.forEach(["one", "bad", "two"], (text) => Effect.exit(write(text)), {
        concurrency: "unbounded",
      })
      expect(exits.map(Exit.isSuccess)).toEqual([true, false, true])
      expect(exits.map((exit) => Exit.isFailure(exit) && Cause.hasDies(exit.cause))).toEqual([false, true, false])
      expect(
        db
          .prepare("SELECT text FROM notes")
          .all()
          .map((row) => row["text"]),
      ).toEqual(["one", "two"])
      expect(yield* take(4, start)).toEqual(["Joined", "one", "two", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("a transaction's events come after what was live before it", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const sql = yield* SqlClient.SqlClient
      const seen: Array<Positioned> = []
      yield* events.observe((event) => seen.push(event))
      yield* events.commit(() => [undefined, [started("r")]])
      events.live(delta("r", "hello"))
      yield* events.transact(Effect.as(sql`CREATE TABLE notes (text TEXT)`, [undefined, [ended("r")]] as const))
      expect(seen.map(name)).toEqual(["RunStarted", "+hello", "RunEnded"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )
})
