import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as PubSub from "effect/PubSub"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SqlClient from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { EventItem, KeptEvent, LiveEvent, Position, Positioned } from "../../../src/domain/Event.ts"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import { Events } from "../../../src/services/events/Events.ts"
import type { EventTuning } from "../../../src/services/events/EventLog.ts"
import { Sqlite } from "../../../src/services/storage/Sqlite.ts"

const layerWith = (
  tuning: Partial<EventTuning>,
  events: { readonly retainRows?: number; readonly retainDays?: number } = {},
) =>
  Events.layerTuned(tuning).pipe(
    Layer.provideMerge(Database.layerMemory),
    Layer.provide(GatewayConfig.layer({ events })),
  )

const layer = layerWith({})

const layerFile = (file: string) =>
  Events.layer.pipe(Layer.provideMerge(Database.layerFile(file)), Layer.provide(GatewayConfig.layer({})))

const temporaryFile = Effect.acquireRelease(
  Effect.sync(() => Path.join(Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-events-")), "events.db")),
  (file) => Effect.sync(() => Fs.rmSync(Path.dirname(file), { recursive: true })),
)

const removed = (id: string): KeptEvent => ({ _tag: "MemoryRemoved", id })
const run = (runId: string, sessionKey = "s") => ({ runId, sessionKey, agentId: "main" })
const started = (runId: string): KeptEvent => ({ _tag: "RunStarted", ...run(runId), attempt: 1 })
const ended = (runId: string): KeptEvent => ({ _tag: "RunEnded", ...run(runId), outcome: "done" })
const delta = (runId: string, text: string): LiveEvent => ({ _tag: "TextDelta", ...run(runId), text })

const name = (item: EventItem): string => {
  if (item._tag === "Joined") return item.reset === null ? "Joined" : `Joined:${item.reset}`
  if (item._tag === "RunText") return `${item.runId}=${item.text}`
  if (item._tag === "CaughtUp") return "CaughtUp"
  const { event } = item
  if (event._tag === "MemoryRemoved") return event.id
  return event._tag === "TextDelta" ? `+${event.text}` : event._tag
}

const tell = (...ids: ReadonlyArray<string>) =>
  Effect.flatMap(Events, (events) => events.commit(() => [undefined, ids.map(removed)]))

const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `${from + index}`)

/** All that a subscriber has missed who asks now. */
const missed = (from: Position | undefined) =>
  Effect.flatMap(Events, (events) =>
    events.subscribe({}, from).pipe(
      Stream.takeUntil((item) => item._tag === "CaughtUp"),
      Stream.map(name),
      Stream.runCollect,
    ),
  )

const observed = Effect.gen(function* () {
  const seen: Array<Positioned> = []
  yield* (yield* Events).onEvent((event) => seen.push(event))
  return seen
})

const isUnavailable = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some(
    (reason) => Cause.isFailReason(reason) && String(reason.error).startsWith("StorageUnavailable"),
  )

const isDefect = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) && Cause.hasDies(exit.cause)

describe("a commit", () => {
  it.live("is there, with its events, for who comes later", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      const answer = yield* events.commit(() => ["answer", [removed("a"), removed("b")]])
      expect(answer).toBe("answer")
      expect(yield* missed(start)).toEqual(["Joined", "a", "b", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("has been seen by observers and is on its way to listeners when it returns", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const seen = yield* observed
      const listener = yield* events.liveFeed
      const batch = yield* Effect.forkChild(PubSub.takeAll(listener), { startImmediately: true })
      yield* tell("a", "b")
      expect(seen.map(name)).toEqual(["a", "b"])
      expect((yield* Fiber.join(batch)).map(name)).toEqual(["a", "b"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )

  it.live("shares its transaction with what is committed in the same turn", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* Effect.gen(function* () {
        const events = yield* Events
        const { db } = yield* Sqlite
        db.exec("CREATE TABLE notes (text TEXT)")
        const others = new DatabaseSync(file)
        const countOf = (db: DatabaseSync) => Number(db.prepare("SELECT count(*) AS n FROM notes").get()?.["n"])
        const write = events.commit((db) => {
          db.exec("INSERT INTO notes VALUES ('x')")
          return [[countOf(db), countOf(others)], []]
        })
        const counts = yield* Effect.all([write, write, write], { concurrency: "unbounded" })
        expect(counts).toEqual([
          [1, 0],
          [2, 0],
          [3, 0],
        ])
        expect(countOf(others)).toBe(3)
        others.close()
      }).pipe(Effect.provide(layerFile(file)))
    }).pipe(Effect.scoped),
  )

  it.live("that throws loses its own writes; its neighbours keep theirs", () =>
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
      expect(isDefect(exits[1]!)).toBe(true)
      expect(
        db
          .prepare("SELECT text FROM notes")
          .all()
          .map((row) => row["text"]),
      ).toEqual(["one", "two"])
      expect(yield* missed(start)).toEqual(["Joined", "one", "two", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("that is interrupted before its turn does nothing", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      const fiber = yield* Effect.forkChild(tell("never"), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      yield* tell("after")
      expect(yield* missed(start)).toEqual(["Joined", "after", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("is not held up by an observer that throws", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* events.onEvent(() => {
        throw new Error("on purpose")
      })
      const seen = yield* observed
      yield* tell("a", "b")
      expect(seen.map(name)).toEqual(["a", "b"])
    }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(Logger.layer([])))), Effect.scoped),
  )

  it.live("fails once the gateway has stopped", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const services = yield* Layer.buildWithScope(layer, scope)
      yield* Scope.close(scope, Exit.void)
      expect(isUnavailable(yield* Effect.exit(Effect.provide(tell("late"), services)))).toBe(true)
    }),
  )
})

describe("what a run says after its end", () => {
  it.live("is not told, even in the turn in which it is ended", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* events.commit(() => [undefined, [started("r")]])
      const seen = yield* observed
      const listened = yield* events.liveFeed
      const end = yield* Effect.forkChild(
        events.commit(() => [undefined, [ended("r")]]),
        { startImmediately: true },
      )
      events.publishLive(delta("r", "late"))
      yield* Fiber.join(end)
      events.publishLive(delta("r", "later"))
      yield* tell("next")
      expect(seen.map(name)).toEqual(["RunEnded", "next"])
      expect((yield* PubSub.takeAll(listened)).map(name)).toEqual(["RunEnded", "next"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )
})

describe("a full disk", () => {
  const setLimit = (pages: number) =>
    Effect.map(Sqlite, ({ db }) => {
      const { page_count: count } = db.prepare("PRAGMA page_count").get() ?? {}
      db.exec(`PRAGMA max_page_count = ${Number(count) + pages}`)
    })
  const large = "x".repeat(100_000)

  it.live("fails the commit with StorageUnavailable, tells nobody, and goes on when there is room again", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const seen = yield* observed
      const start = events.head()
      yield* setLimit(2)
      const exits = yield* Effect.forEach([tell("small"), tell(large)], Effect.exit, { concurrency: "unbounded" })
      expect(exits.map(isUnavailable)).toEqual([true, true])
      expect(events.head()).toEqual(start)
      expect(seen).toEqual([])
      yield* setLimit(1_000)
      yield* tell(large)
      expect(yield* missed(start)).toEqual(["Joined", large, "CaughtUp"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )

  it.live("does not silence what is live only", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const seen = yield* observed
      yield* events.commit(() => [undefined, [started("r")]])
      yield* setLimit(2)
      events.publishLive(delta("r", "one"))
      const exit = yield* Effect.exit(tell(large))
      expect(isUnavailable(exit)).toBe(true)
      expect(seen.map(name)).toEqual(["RunStarted", "+one"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )

  it.live("fails a transaction with StorageUnavailable and nothing of it is told", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const sql = yield* SqlClient.SqlClient
      const seen = yield* observed
      yield* sql`CREATE TABLE notes (text TEXT)`
      yield* setLimit(2)
      const work = Effect.as(sql`INSERT INTO notes VALUES ('x')`, [undefined, [removed(large)]] as const)
      expect(isUnavailable(yield* Effect.exit(events.transact(work)))).toBe(true)
      expect(yield* sql`SELECT * FROM notes`).toEqual([])
      expect(seen).toEqual([])
      yield* setLimit(1_000)
      yield* events.transact(work)
      expect(seen.map(name)).toEqual([large])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )
})

const withDeferredKeys = Effect.map(Sqlite, ({ db }) =>
  db.exec(`CREATE TABLE parents (id INTEGER PRIMARY KEY);
    CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)`),
)
const orphan = "INSERT INTO children VALUES (1)"

describe("a COMMIT that fails", () => {
  it.live("tells nobody and leaves nothing", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const sql = yield* SqlClient.SqlClient
      const start = events.head()
      yield* withDeferredKeys
      const seen = yield* observed
      const committed = events.commit((db) => {
        db.exec(orphan)
        return [undefined, [removed("a")]]
      })
      const transacted = events.transact(Effect.as(sql.unsafe(orphan), [undefined, [removed("b")]] as const))
      expect(isDefect(yield* Effect.exit(committed))).toBe(true)
      expect(isDefect(yield* Effect.exit(transacted))).toBe(true)
      expect(seen).toEqual([])
      expect(events.head()).toEqual(start)
      yield* tell("after")
      expect(yield* missed(start)).toEqual(["Joined", "after", "CaughtUp"])
      expect(yield* sql`SELECT * FROM children`).toEqual([])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )
})

describe("a COMMIT that fails while rows are dropped", () => {
  it.live("keeps them, and who reads them is not reset", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      yield* withDeferredKeys
      yield* Effect.forEach(ids(1, 33), (id) => tell(id))
      const failing = events.commit((db) => {
        db.exec(orphan)
        return [undefined, [removed("one more than is kept")]]
      })
      expect(isDefect(yield* Effect.exit(failing))).toBe(true)
      expect(yield* missed(start)).toEqual(["Joined", ...ids(1, 33), "CaughtUp"])
    }).pipe(Effect.provide(layerWith({ ringEvents: 4, chunk: 8 }, { retainRows: 30 }))),
  )
})

describe("a transaction", () => {
  it.live("comes after what was live before it", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const seen = yield* observed
      yield* events.commit(() => [undefined, [started("r")]])
      events.publishLive(delta("r", "hello"))
      yield* events.transact(Effect.succeed([undefined, [ended("r")]]))
      expect(seen.map(name)).toEqual(["RunStarted", "+hello", "RunEnded"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )

  it.live("is not overtaken, and what happens meanwhile waits for its end", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const sql = yield* SqlClient.SqlClient
      yield* events.commit(() => [undefined, [started("r")]])
      const seen = yield* observed
      const begun = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      yield* sql`CREATE TABLE notes (text TEXT)`
      const work = Effect.gen(function* () {
        yield* sql`INSERT INTO notes VALUES ('x')`
        yield* Deferred.succeed(begun, undefined)
        yield* Deferred.await(goOn)
        return ["done", [removed("first")]] as const
      })
      const transaction = yield* Effect.forkChild(events.transact(work))
      yield* Deferred.await(begun)
      const commit = yield* Effect.forkChild(tell("second"), { startImmediately: true })
      events.publishLive(delta("r", "third"))
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve))))
      expect(seen).toEqual([])
      yield* Deferred.succeed(goOn, undefined)
      expect(yield* Fiber.join(transaction)).toBe("done")
      yield* Fiber.join(commit)
      expect(seen.map(name)).toEqual(["first", "second", "+third"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )

  it.live("that fails or is interrupted leaves nothing and tells nobody", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const sql = yield* SqlClient.SqlClient
      const seen = yield* observed
      yield* sql`CREATE TABLE notes (text TEXT)`
      const insert = sql`INSERT INTO notes VALUES ('x')`
      const failing = events.transact(Effect.andThen(insert, Effect.fail("no")))
      expect(yield* Effect.flip(failing)).toBe("no")
      const begun = yield* Deferred.make<void>()
      const endless = insert.pipe(Effect.andThen(Deferred.succeed(begun, undefined)), Effect.andThen(Effect.never))
      const fiber = yield* Effect.forkChild(events.transact(endless))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      expect(yield* sql`SELECT * FROM notes`).toEqual([])
      expect(seen).toEqual([])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )

  it.live("refuses a commit within it, which would wait for itself", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const nested = events.transact(Effect.as(tell("inner"), [undefined, []] as const))
      expect(isDefect(yield* Effect.exit(nested))).toBe(true)
      yield* tell("after")
    }).pipe(Effect.provide(layer)),
  )
})

describe("a position that cannot be had", () => {
  it.live("of another log is reset, and the present follows", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* events.commit(() => [undefined, [started("r")]])
      events.publishLive(delta("r", "so far"))
      yield* tell("a")
      const { seq } = events.head()
      expect(yield* missed({ epoch: "another", seq })).toEqual(["Joined:epoch", "r=so far", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("that was never given is reset", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* tell("a")
      const { epoch, seq } = events.head()
      expect(yield* missed({ epoch, seq: seq + 1 })).toEqual(["Joined:future", "CaughtUp"])
      expect(yield* missed({ epoch, seq })).toEqual(["Joined", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("that is older than what is kept is reset; the oldest kept one is not", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const { epoch, seq } = events.head()
      yield* Effect.forEach(ids(1, 34), (id) => tell(id))
      // 30 rows are kept, and up to a tenth more until it is worth dropping some.
      expect(yield* missed({ epoch, seq: seq + 3 })).toEqual(["Joined:retention", "CaughtUp"])
      expect(yield* missed({ epoch, seq: seq + 4 })).toEqual(["Joined", ...ids(5, 34), "CaughtUp"])
    }).pipe(Effect.provide(layerWith({ ringEvents: 4, chunk: 8 }, { retainRows: 30 }))),
  )
})

describe("retention", () => {
  it.live("that overtakes a reader tells it so", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      yield* tell(...ids(1, 20))
      const seen: Array<string> = []
      const { head, items } = yield* events.replay({}, start)
      yield* items.pipe(
        Stream.tap((item) => {
          seen.push(name(item))
          return seen.length === 2 ? tell(...ids(21, 60)) : Effect.void
        }),
        Stream.runDrain,
      )
      expect(head).toBe(start.seq + 20)
      expect(seen).toEqual(["Joined", "1", "2", "3", "Joined:retention", "CaughtUp"])
    }).pipe(Effect.provide(layerWith({ ringEvents: 4, chunk: 3 }, { retainRows: 30 }))),
  )

  it.effect("drops what is too old, also when nothing happens any more", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const { db } = yield* Sqlite
      const { epoch, seq } = events.head()
      const rows = () => Number(db.prepare("SELECT count(*) AS n FROM events").get()?.["n"])
      yield* tell("old", "older")
      yield* TestClock.adjust("12 hours")
      yield* tell("young")
      expect(rows()).toBe(3)
      yield* TestClock.adjust("13 hours")
      // The sweep commits as everybody does: what comes after it is told after it.
      yield* events.commit(() => [undefined, []])
      expect(rows()).toBe(1)
      expect(yield* missed({ epoch, seq })).toEqual(["Joined:retention", "CaughtUp"])
      expect(yield* missed({ epoch, seq: seq + 2 })).toEqual(["Joined", "young", "CaughtUp"])
    }).pipe(Effect.provide(layerWith({ ringEvents: 1 }, { retainDays: 1 }))),
  )

  it.effect("and order do not mind a clock that is set back", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      yield* TestClock.setTime(1_000_000)
      yield* tell("first")
      yield* TestClock.setTime(1_000)
      yield* tell("second")
      const seen = yield* events.subscribe({}, start).pipe(Stream.take(3), Stream.runCollect)
      expect(seen.map(name)).toEqual(["Joined", "first", "second"])
      expect(seen.map((item) => (item._tag === "Event" ? item.at : null))).toEqual([null, 1_000_000, 1_000])
    }).pipe(Effect.provide(layer)),
  )
})

describe("a restart", () => {
  const startAndTell = (file: string, id: string) =>
    Effect.gen(function* () {
      const { epoch, seq } = (yield* Events).head()
      yield* tell(id)
      return { epoch, seq }
    }).pipe(Effect.provide(layerFile(file)))

  it.live("goes on in the same log, after a clean end with the next position", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const first = yield* startAndTell(file, "a")
      const second = yield* startAndTell(file, "b")
      expect(second).toEqual({ epoch: first.epoch, seq: first.seq + 1 })
      expect(yield* Effect.provide(missed(first), layerFile(file))).toEqual(["Joined", "a", "b", "CaughtUp"])
    }).pipe(Effect.scoped),
  )

  it.live("after a crash gives no position twice, also of events that left no row", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const copy = `${file}.copy`
      const last = yield* Effect.gen(function* () {
        const events = yield* Events
        yield* events.commit(() => [undefined, [started("r")]])
        for (const word of ids(1, 50)) events.publishLive(delta("r", word))
        yield* tell("a")
        for (const suffix of ["", "-wal"]) Fs.copyFileSync(file + suffix, copy + suffix)
        return events.head()
      }).pipe(Effect.provide(layerFile(file)))
      const next = yield* startAndTell(copy, "b")
      expect(next.epoch).toBe(last.epoch)
      expect(next.seq).toBeGreaterThanOrEqual(last.seq)
      expect(yield* Effect.provide(missed(last), layerFile(copy))).toEqual(["Joined", "b", "CaughtUp"])
    }).pipe(Effect.scoped),
  )
})

describe("a long replay", () => {
  it.live("leaves the event loop to others, also where it finds nothing", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      yield* tell(...ids(1, 1_000))
      let turns = 0
      const count = () => {
        turns++
        immediate = setImmediate(count)
      }
      let immediate = setImmediate(count)
      const { items } = yield* events.replay({ topics: ["agents"] }, start)
      expect((yield* Stream.runCollect(items)).map(name)).toEqual(["Joined", "CaughtUp"])
      clearImmediate(immediate)
      expect(turns).toBeGreaterThan(10)
    }).pipe(Effect.provide(layerWith({ ringEvents: 4, chunk: 20 }))),
  )
})

describe("a slow subscriber", () => {
  it.live("that the ring has gone past is joined anew and misses nothing that is kept", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const seen: Array<string> = []
      yield* events.subscribe({}, undefined).pipe(
        Stream.tap((item) => {
          seen.push(name(item))
          if (seen.length !== 2) return Effect.void
          return Effect.gen(function* () {
            yield* events.commit(() => [undefined, [started("r")]])
            for (const word of ids(1, 100)) events.publishLive(delta("r", word))
            yield* tell(...ids(1, 20))
            events.publishLive(delta("r", "!"))
          })
        }),
        Stream.takeUntil((item) => name(item) === "+!"),
        Stream.runDrain,
      )
      const text = `r=${ids(1, 100).join("")}`
      expect(seen).toEqual(["Joined", "CaughtUp", "Joined", "RunStarted", ...ids(1, 20), text, "CaughtUp", "+!"])
    }).pipe(Effect.provide(layerWith({ ringEvents: 8, chunk: 3 }))),
  )

  it.live("wakes for what it wants only", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* events.commit(() => [undefined, [started("r")]])
      const fiber = yield* events
        .subscribe({ topics: ["memory"] }, undefined)
        .pipe(Stream.take(3), Stream.map(name), Stream.runCollect, Effect.forkChild({ startImmediately: true }))
      for (const word of ids(1, 100)) {
        events.publishLive(delta("r", word))
        yield* events.commit(() => [undefined, []])
      }
      yield* tell("a")
      // Asleep it has kept up: a ring of 8 is no reason to join again.
      expect(yield* Fiber.join(fiber)).toEqual(["Joined", "CaughtUp", "a"])
    }).pipe(Effect.provide(layerWith({ ringEvents: 8 }))),
  )
})
