import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Fs from "node:fs"
import { Events } from "../../../src/services/events/Events.ts"
import { Sqlite } from "../../../src/services/storage/sqlite/Sqlite.ts"
import {
  commit,
  delta,
  ended,
  ids,
  layer,
  layerFile,
  layerWith,
  missed,
  nameOf,
  observed,
  started,
  temporaryFile,
} from "../../support/EventLogs.ts"

describe("Events: deltas", () => {
  it.live("A delta after the end of its run is dropped, even in the event-loop turn of the end.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* events.commit(Effect.succeed([undefined, [started("r")]]))
      const seen = yield* observed
      const listened = yield* events.liveFeed
      const end = yield* Effect.forkChild(events.commit(Effect.succeed([undefined, [ended("r")]])), {
        startImmediately: true,
      })
      events.publishLive(delta("r", "late"))
      yield* Fiber.join(end)
      events.publishLive(delta("r", "later"))
      yield* commit("next")
      expect(seen.map(nameOf)).toEqual(["RunEnded", "next"])
      expect((yield* PubSub.takeAll(listened)).map(nameOf)).toEqual(["RunEnded", "next"])
    }).pipe(Effect.provide(layer), Effect.scoped),
  )
})

/** The distance between the positions of two kept events. */
const EVENT = 1_000_000

describe("Events: positions", () => {
  it.live("A position of another log is reset, and the partial outputs follow.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* events.commit(Effect.succeed([undefined, [started("r")]]))
      events.publishLive(delta("r", "so far"))
      yield* commit("a")
      const { seq } = events.head()
      expect(yield* missed({ epoch: "another", seq })).toEqual(["Joined:epoch", "r=so far", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("A position that was never assigned is reset.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* commit("a")
      const { epoch, seq } = events.head()
      expect(yield* missed({ epoch, seq: seq + EVENT })).toEqual(["Joined:future", "CaughtUp"])
      expect(yield* missed({ epoch, seq })).toEqual(["Joined", "CaughtUp"])
    }).pipe(Effect.provide(layer)),
  )

  it.live("A position older than the kept rows is reset. The oldest kept position is not.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const { epoch, seq } = events.head()
      yield* Effect.forEach(ids(1, 34), (id) => commit(id))
      // The log keeps 30 rows, and up to a tenth more until it drops a step of them.
      expect(yield* missed({ epoch, seq: seq + 3 * EVENT })).toEqual(["Joined:retention", "CaughtUp"])
      expect(yield* missed({ epoch, seq: seq + 4 * EVENT })).toEqual(["Joined", ...ids(5, 34), "CaughtUp"])
    }).pipe(Effect.provide(layerWith({ ringEvents: 4, chunk: 8 }, { retainRows: 30 }))),
  )
})

describe("Events: retention", () => {
  it.live("A reader whose rows retention drops receives another Joined.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      yield* commit(...ids(1, 20))
      const seen: Array<string> = []
      yield* events.subscribe({}, start).pipe(
        Stream.tap((item) => {
          seen.push(nameOf(item))
          return seen.length === 2 ? commit(...ids(21, 60)) : Effect.void
        }),
        Stream.takeUntil((item) => item._tag === "CaughtUp"),
        Stream.runDrain,
      )
      expect(seen).toEqual(["Joined", "1", "2", "3", "Joined:retention", "CaughtUp"])
    }).pipe(Effect.provide(layerWith({ ringEvents: 4, chunk: 3 }, { retainRows: 30 }))),
  )

  it.effect("Retention drops old rows in a quiet gateway, too.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const { db } = yield* Sqlite
      const { epoch, seq } = events.head()
      const rows = () => Number(db.prepare("SELECT count(*) AS n FROM events").get()?.["n"])
      yield* commit("old", "older")
      yield* TestClock.adjust("12 hours")
      yield* commit("young")
      expect(rows()).toBe(3)
      yield* TestClock.adjust("13 hours")
      // The sweep commits, too, so this commit comes after it.
      yield* events.commit(Effect.succeed([undefined, []]))
      expect(rows()).toBe(1)
      expect(yield* missed({ epoch, seq })).toEqual(["Joined:retention", "CaughtUp"])
      expect(yield* missed({ epoch, seq: seq + 2 * EVENT })).toEqual(["Joined", "young", "CaughtUp"])
    }).pipe(Effect.provide(layerWith({ ringEvents: 1 }, { retainDays: 1 }))),
  )

  it.effect("A clock that is set back changes neither the order nor the retention of events.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      yield* TestClock.setTime(1_000_000)
      yield* commit("first")
      yield* TestClock.setTime(1_000)
      yield* commit("second")
      const seen = yield* events.subscribe({}, start).pipe(Stream.take(3), Stream.runCollect)
      expect(seen.map(nameOf)).toEqual(["Joined", "first", "second"])
      expect(seen.map((item) => (item._tag === "Event" ? item.at : null))).toEqual([null, 1_000_000, 1_000])
    }).pipe(Effect.provide(layer)),
  )
})

describe("Events: restarts", () => {
  const startAndCommit = (file: string, id: string) =>
    Effect.gen(function* () {
      const { epoch, seq } = (yield* Events).head()
      yield* commit(id)
      return { epoch, seq }
    }).pipe(Effect.provide(layerFile(file)))

  it.live("After a clean stop, the log continues with the next position.", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const first = yield* startAndCommit(file, "a")
      const second = yield* startAndCommit(file, "b")
      expect(second).toEqual({ epoch: first.epoch, seq: first.seq + EVENT })
      expect(yield* Effect.provide(missed(first), layerFile(file))).toEqual(["Joined", "a", "b", "CaughtUp"])
    }).pipe(Effect.scoped),
  )

  it.live("After a crash, no kept position is assigned twice, and a position of a live event can be resumed.", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const copy = `${file}.copy`
      const last = yield* Effect.gen(function* () {
        const events = yield* Events
        yield* events.commit(Effect.succeed([undefined, [started("r")]]))
        for (const word of ids(1, 50)) events.publishLive(delta("r", word))
        yield* commit("a")
        events.publishLive(delta("r", "live"))
        yield* events.commit(Effect.succeed([undefined, []]))
        for (const suffix of ["", "-wal"]) Fs.copyFileSync(file + suffix, copy + suffix)
        return events.head()
      }).pipe(Effect.provide(layerFile(file)))
      const next = yield* startAndCommit(copy, "b")
      expect(next.epoch).toBe(last.epoch)
      expect([next.seq, last.seq]).toEqual([2 * EVENT, 2 * EVENT + 1])
      expect(yield* Effect.provide(missed(last), layerFile(copy))).toEqual(["Joined", "b", "CaughtUp"])
    }).pipe(Effect.scoped),
  )
})

describe("Events: replay", () => {
  it.live("A long replay without a wanted event yields to the event loop.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const start = events.head()
      yield* commit(...ids(1, 1_000))
      let turns = 0
      const count = () => {
        turns++
        immediate = setImmediate(count)
      }
      let immediate = setImmediate(count)
      const items = yield* events.subscribe({ topics: ["agents"] }, start).pipe(Stream.take(2), Stream.runCollect)
      expect(items.map(nameOf)).toEqual(["Joined", "CaughtUp"])
      clearImmediate(immediate)
      expect(turns).toBeGreaterThan(10)
    }).pipe(Effect.provide(layerWith({ ringEvents: 4, chunk: 20 }))),
  )
})

describe("Events: slow subscribers", () => {
  it.live("A subscriber that the ring has moved past starts over and misses no kept event.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const seen: Array<string> = []
      yield* events.subscribe({}, undefined).pipe(
        Stream.tap((item) => {
          seen.push(nameOf(item))
          if (seen.length !== 2) return Effect.void
          return Effect.gen(function* () {
            yield* events.commit(Effect.succeed([undefined, [started("r")]]))
            for (const word of ids(1, 100)) events.publishLive(delta("r", word))
            yield* commit(...ids(1, 20))
            events.publishLive(delta("r", "!"))
          })
        }),
        Stream.takeUntil((item) => nameOf(item) === "+!"),
        Stream.runDrain,
      )
      const text = `r=${ids(1, 100).join("")}`
      expect(seen).toEqual(["Joined", "CaughtUp", "Joined", "RunStarted", ...ids(1, 20), text, "CaughtUp", "+!"])
    }).pipe(Effect.provide(layerWith({ ringEvents: 8, chunk: 3 }))),
  )

  it.live("A parked subscriber wakes only for events that it wants.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      yield* events.commit(Effect.succeed([undefined, [started("r")]]))
      const fiber = yield* events
        .subscribe({ topics: ["memory"] }, undefined)
        .pipe(Stream.take(3), Stream.map(nameOf), Stream.runCollect, Effect.forkChild({ startImmediately: true }))
      for (const word of ids(1, 100)) {
        events.publishLive(delta("r", word))
        yield* events.commit(Effect.succeed([undefined, []]))
      }
      yield* commit("a")
      // A parked subscriber keeps up, so a ring of 8 events does not make it start over.
      expect(yield* Fiber.join(fiber)).toEqual(["Joined", "CaughtUp", "a"])
    }).pipe(Effect.provide(layerWith({ ringEvents: 8 }))),
  )
})
