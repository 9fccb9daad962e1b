import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as PubSub from "effect/PubSub"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { DatabaseSync } from "node:sqlite"
import { Events } from "../../../src/services/events/Events.ts"
import { Sqlite } from "../../../src/services/storage/sqlite/Sqlite.ts"
import { Tx } from "../../../src/services/storage/Tx.ts"
import {
  commit,
  delta,
  ended,
  ids,
  isDefect,
  isUnavailable,
  layer,
  layerFile,
  layerWith,
  missed,
  nameOf,
  observed,
  removed,
  started,
  temporaryFile,
} from "../../support/EventLogs.ts"

describe("GroupCommit: commit", () => {
  it.live("A later subscriber receives the events of a commit.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      const answer = yield* events.commit(Effect.succeed(["answer", [removed("a"), removed("b")]]))
      expect(answer).toBe("answer")
      expect(yield* missed(start)).toEqual(["Joined", "a", "b", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("When a commit returns, observers have received its events and the live feed has them.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const seen = yield* observed
      const listener = yield* events.liveFeed
      const batch = yield* Effect.forkChild(PubSub.takeAll(listener), { startImmediately: true })
      yield* commit("a", "b")
      expect(seen.map(nameOf)).toEqual(["a", "b"])
      expect((yield* Fiber.join(batch)).map(nameOf)).toEqual(["a", "b"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )

  it.live("Commits of one event-loop turn share a transaction.", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* Effect.gen(function* () {
        const events = yield* Events
        const { db } = yield* Sqlite
        db.exec("CREATE TABLE notes (text TEXT)")
        const others = new DatabaseSync(file)
        const countOf = (db: DatabaseSync) => Number(db.prepare("SELECT count(*) AS n FROM notes").get()?.["n"])
        const write = events.commit(
          Effect.sync(() => {
            db.exec("INSERT INTO notes VALUES ('x')")
            return [[countOf(db), countOf(others)], []]
          }),
        )
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

  it.live("A commit that fails or dies undoes its own writes and not those of its group.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const { db } = yield* Sqlite
      const start = events.head()
      db.exec("CREATE TABLE notes (text TEXT)")
      const write = (text: string) =>
        events.commit(
          Effect.gen(function* () {
            db.prepare("INSERT INTO notes VALUES (?)").run(text)
            if (text === "refused") return yield* Effect.fail("no")
            if (text === "bad") throw new Error("on purpose")
            return [undefined, [removed(text)]] as const
          }),
        )
      const exits = yield* Effect.forEach(["one", "bad", "refused", "two"], (text) => Effect.exit(write(text)), {
        concurrency: "unbounded",
      })
      expect(exits.map(Exit.isSuccess)).toEqual([true, false, false, true])
      expect(isDefect(exits[1]!)).toBe(true)
      expect(exits[2]).toEqual(Exit.fail("no"))
      expect(
        db
          .prepare("SELECT text FROM notes")
          .all()
          .map((row) => row["text"]),
      ).toEqual(["one", "two"])
      expect(yield* missed(start)).toEqual(["Joined", "one", "two", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("A commit that is interrupted before its turn writes nothing.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      const fiber = yield* Effect.forkChild(commit("never"), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      yield* commit("after")
      expect(yield* missed(start)).toEqual(["Joined", "after", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("An observer that throws does not stop commits.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* events.onEvent(() => {
        throw new Error("on purpose")
      })
      const seen = yield* observed
      yield* commit("a", "b")
      expect(seen.map(nameOf)).toEqual(["a", "b"])
    }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(Logger.layer([])))), Effect.scoped),
  )

  it.live("A commit fails after the gateway has stopped.", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const services = yield* Layer.buildWithScope(layer, scope)
      yield* Scope.close(scope, Exit.void)
      expect(isUnavailable(yield* Effect.exit(Effect.provide(commit("late"), services)))).toBe(true)
    }),
  )
})

describe("GroupCommit: a full disk", () => {
  const setLimit = (pages: number) =>
    Effect.map(Sqlite, ({ db }) => {
      const { page_count: count } = db.prepare("PRAGMA page_count").get() ?? {}
      db.exec(`PRAGMA max_page_count = ${Number(count) + pages}`)
    })
  const large = "x".repeat(100_000)

  it.live(
    "A full disk fails the whole group with StorageUnavailable and publishes nothing until there is room again.",
    () =>
      Effect.gen(function* () {
        const events = yield* Events
        const seen = yield* observed
        const start = events.head()
        yield* setLimit(2)
        const exits = yield* Effect.forEach([commit("small"), commit(large)], Effect.exit, { concurrency: "unbounded" })
        expect(exits.map(isUnavailable)).toEqual([true, true])
        expect(events.head()).toEqual(start)
        expect(seen).toEqual([])
        yield* setLimit(1_000)
        yield* commit(large)
        expect(yield* missed(start)).toEqual(["Joined", large, "CaughtUp"])
      }).pipe(Effect.provide(layer), Effect.scoped),
  )

  it.live("Live events are published while the disk is full.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const seen = yield* observed
      yield* events.commit(Effect.succeed([undefined, [started("r")]]))
      yield* setLimit(2)
      events.publishLive(delta("r", "one"))
      const exit = yield* Effect.exit(commit(large))
      expect(isUnavailable(exit)).toBe(true)
      expect(seen.map(nameOf)).toEqual(["RunStarted", "+one"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )
})

const withDeferredKeys = Effect.map(Sqlite, ({ db }) =>
  db.exec(`CREATE TABLE parents (id INTEGER PRIMARY KEY);
    CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)`),
)
const orphan = "INSERT INTO children VALUES (1)"

describe("GroupCommit: a COMMIT that fails", () => {
  it.live("A failed COMMIT writes nothing and publishes nothing.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const { db } = yield* Sqlite
      const start = events.head()
      yield* withDeferredKeys
      const seen = yield* observed
      const committed = events.commit(
        Effect.sync(() => {
          db.exec(orphan)
          return [undefined, [removed("a")]]
        }),
      )
      expect(isDefect(yield* Effect.exit(committed))).toBe(true)
      expect(seen).toEqual([])
      expect(events.head()).toEqual(start)
      yield* commit("after")
      expect(yield* missed(start)).toEqual(["Joined", "after", "CaughtUp"])
      expect(db.prepare("SELECT * FROM children").all()).toEqual([])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )

  it.live("A failed COMMIT keeps the rows that its transaction had dropped, and resets no reader.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      yield* withDeferredKeys
      yield* Effect.forEach(ids(1, 33), (id) => commit(id))
      const { db } = yield* Sqlite
      const failing = events.commit(
        Effect.sync(() => {
          db.exec(orphan)
          return [undefined, [removed("one more than is kept")]]
        }),
      )
      expect(isDefect(yield* Effect.exit(failing))).toBe(true)
      expect(yield* missed(start)).toEqual(["Joined", ...ids(1, 33), "CaughtUp"])
    }).pipe(Effect.provide(layerWith({ ringEvents: 4, chunk: 8 }, { retainRows: 30 }))),
  )
})

/** Some turns of the event loop. */
const turns = Effect.repeat(
  Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void))),
  { times: 5 },
)

describe("GroupCommit: text of open runs", () => {
  it.effect("The first text is published at once, and the next texts wait together for 10 ms.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* events.commit(Effect.succeed([undefined, [started("r"), started("s")]]))
      const seen = yield* observed
      events.publishLive(delta("r", "one"))
      yield* turns
      expect(seen.map(nameOf)).toEqual(["+one"])
      for (const text of ["t", "w", "o"]) {
        events.publishLive(delta("r", text))
        events.publishLive(delta("s", text))
        yield* turns
      }
      expect(seen.map(nameOf)).toEqual(["+one"])
      yield* TestClock.adjust(10)
      yield* turns
      expect(seen.map(nameOf)).toEqual(["+one", "+two", "+two"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )

  it.effect("Much text does not wait.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* events.commit(Effect.succeed([undefined, [started("r")]]))
      const seen = yield* observed
      const much = "x".repeat(10_000)
      for (let n = 0; n < 8; n++) events.publishLive(delta("r", n === 0 ? "one" : much))
      yield* turns
      for (let n = 0; n < 7; n++) events.publishLive(delta("r", much))
      yield* turns
      expect(seen.map(({ event }) => (event._tag === "TextDelta" ? event.text : "")).join("").length).toBe(140_003)
    }).pipe(Effect.provide(layer), Effect.scoped),
  )

  it.effect("A commit takes the waiting text along, before its own events.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* events.commit(Effect.succeed([undefined, [started("r")]]))
      const seen = yield* observed
      events.publishLive(delta("r", "one"))
      yield* turns
      events.publishLive(delta("r", "two"))
      yield* events.commit(Effect.succeed([undefined, [ended("r")]]))
      expect(seen.map(nameOf)).toEqual(["+one", "+two", "RunEnded"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )
})

describe("GroupCommit: works", () => {
  it.live("A commit comes after the live events before it.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const seen = yield* observed
      yield* events.commit(Effect.succeed([undefined, [started("r")]]))
      events.publishLive(delta("r", "hello"))
      yield* events.commit(Effect.succeed([undefined, [ended("r")]]))
      expect(seen.map(nameOf)).toEqual(["RunStarted", "+hello", "RunEnded"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )

  it.live("A work that waits dies, and so does a commit inside a work, because it would wait for itself.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      const waiting = events.commit(Effect.as(Effect.sleep(1), [undefined, [removed("late")]] as const))
      expect(isDefect(yield* Effect.exit(waiting))).toBe(true)
      const nested = Effect.as(Effect.orDie(events.commit(Effect.succeed([undefined, []]))), [undefined, []] as const)
      expect(isDefect(yield* Effect.exit(events.commit(nested)))).toBe(true)
      yield* commit("after")
      expect(yield* missed(start)).toEqual(["Joined", "after", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("The log names a work that holds up the others for more than 50 ms.", () => {
    const lines: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
    return Effect.gen(function* () {
      const events = yield* Events
      const slow = Effect.sync(() => {
        const until = performance.now() + 60
        while (performance.now() < until);
        return [undefined, []] as const
      })
      yield* Effect.withSpan(events.commit(slow), "Sessions.slow")
      yield* commit("fast")
      expect(lines).toEqual([expect.stringMatching(/^a change of Sessions\.slow held up all others for \d+ ms$/)])
    }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(logger))))
  })

  it.live("Reads see what commits have written.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const document = { id: "a.md", size: 1, modifiedAt: 2 }
      yield* events.commit(Effect.flatMap(Tx, ({ documents }) => Effect.as(documents.put([document]), [undefined, []])))
      expect(yield* events.read(Effect.flatMap(Tx, ({ documents }) => documents.all))).toEqual([document])
    }).pipe(Effect.provide(layer)),
  )
})
