/**
 * What the gateway does while another process holds its database: with a real second process, and the waiting itself by
 * the test's clock.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { KeptEvent } from "../../../src/domain/Event.ts"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Sqlite } from "../../../src/services/storage/Sqlite.ts"
import { makeWriteLock } from "../../../src/services/storage/WriteLock.ts"
import { openElsewhere } from "../../support/OtherProcess.ts"

const temporaryFile = Effect.acquireRelease(
  Effect.sync(() => Path.join(Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-lock-")), "test.db")),
  (file) => Effect.sync(() => Fs.rmSync(Path.dirname(file), { recursive: true })),
)

const lines: Array<string> = []
const capturing = Logger.layer([
  Logger.make(({ message }) => {
    lines.push(String(message))
  }),
])

const layerOf = (file: string, lockWaitMs?: number) =>
  Events.layer.pipe(
    Layer.provideMerge(Database.layerFile(file, "process", lockWaitMs)),
    Layer.provide(GatewayConfig.layer({})),
    Layer.provideMerge(capturing),
  )

const removed = (id: string): KeptEvent => ({ _tag: "MemoryRemoved", id })

const tell = (id: string) => Effect.flatMap(Events, (events) => events.commit(() => [id, [removed(id)]]))

/** Long enough for many attempts on the lock. */
const turns = Effect.promise(async () => {
  for (let turn = 0; turn < 50; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
})

const stored = Effect.map(Sqlite, ({ db }) =>
  db
    .prepare("SELECT event FROM events ORDER BY seq")
    .all()
    .map((row) => JSON.parse(String(row["event"])).id),
)

const forked = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** The effect with a gateway's database and another process that has it open. */
const beside = <A, E>(
  test: (
    elsewhere: (sql: string) => Effect.Effect<void>,
    file: string,
  ) => Effect.Effect<A, E, Events | Sqlite | SqlClient.SqlClient>,
  lockWaitMs?: number,
) =>
  Effect.gen(function* () {
    lines.length = 0
    const file = yield* temporaryFile
    yield* Effect.gen(function* () {
      yield* test(yield* openElsewhere(file), file)
    }).pipe(Effect.provide(layerOf(file, lockWaitMs)))
  }).pipe(Effect.scoped)

describe("while another process holds the write lock", () => {
  it.live("commits wait in their order, and the event loop and reads go on", () =>
    beside((elsewhere) =>
      Effect.gen(function* () {
        const { withLock } = yield* Sqlite
        yield* elsewhere("BEGIN IMMEDIATE")
        const first = yield* forked(tell("first"))
        yield* turns
        const second = yield* forked(tell("second"))
        yield* turns
        expect([first.pollUnsafe(), second.pollUnsafe()]).toEqual([undefined, undefined])
        expect(yield* withLock(stored)).toEqual([])
        yield* elsewhere("COMMIT")
        expect([yield* Fiber.join(second), yield* Fiber.join(first)]).toEqual(["second", "first"])
        expect(yield* stored).toEqual(["first", "second"])
      }),
    ),
  )

  it.live("transactions and statements wait, and are run once", () =>
    beside((elsewhere) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const events = yield* Events
        yield* sql`CREATE TABLE notes (text TEXT)`
        yield* elsewhere("BEGIN IMMEDIATE")
        const waiting = yield* Effect.forEach(
          [
            events.transact(Effect.as(sql`INSERT INTO notes VALUES ('transact')`, ["a", [removed("a")]] as const)),
            sql.withTransaction(sql`INSERT INTO notes VALUES ('transaction')`),
            sql`INSERT INTO notes VALUES ('statement')`,
            tell("commit"),
          ],
          (write) => forked<unknown, unknown, Events>(write),
        )
        yield* turns
        expect(waiting.map((fiber) => fiber.pollUnsafe())).toEqual([undefined, undefined, undefined, undefined])
        expect(yield* sql`SELECT * FROM notes`).toEqual([])
        yield* elsewhere("COMMIT")
        yield* Effect.forEach(waiting, Fiber.join)
        expect((yield* sql<{ text: string }>`SELECT text FROM notes`).map(({ text }) => text).toSorted()).toEqual([
          "statement",
          "transact",
          "transaction",
        ])
        expect((yield* stored).toSorted()).toEqual(["a", "commit"])
      }),
    ),
  )

  it.live("a write fails after the limit, says why, has changed nothing, and the next one is well", () =>
    beside(
      (elsewhere) =>
        Effect.gen(function* () {
          const events = yield* Events
          yield* elsewhere("BEGIN IMMEDIATE")
          const failures = yield* Effect.all(
            [tell("lost"), events.transact(Effect.succeed(["lost", [removed("lost")]] as const))].map(Effect.flip),
            { concurrency: 2 },
          )
          expect(failures).toMatchObject(
            [1, 2].map(() => ({
              _tag: "StorageUnavailable",
              detail: "another program has kept the database locked for 0.1 s",
            })),
          )
          yield* elsewhere("COMMIT")
          yield* tell("kept")
          expect(yield* stored).toEqual(["kept"])
        }),
      100,
    ),
  )

  it.live("a commit whose caller has gone is not made", () =>
    beside((elsewhere) =>
      Effect.gen(function* () {
        yield* elsewhere("BEGIN IMMEDIATE")
        const gone = yield* forked(tell("gone"))
        const stays = yield* forked(tell("stays"))
        yield* turns
        yield* Fiber.interrupt(gone)
        yield* elsewhere("COMMIT")
        yield* Fiber.join(stays)
        expect(yield* stored).toEqual(["stays"])
      }),
    ),
  )

  it.live("a gateway that stops waits for it, and what it could not write has failed", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const elsewhere = yield* openElsewhere(file)
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layerOf(file, 50), scope)
      yield* elsewhere("BEGIN IMMEDIATE")
      const write = yield* forked(Effect.provide(Effect.exit(tell("lost")), context))
      yield* Scope.close(scope, Exit.void)
      expect(Exit.isFailure(yield* Fiber.join(write))).toBe(true)
    }).pipe(Effect.scoped),
  )

  it.live("a start waits for it, and ends after the limit with the name of the file", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* Effect.scoped(Layer.build(layerOf(file)))
      const elsewhere = yield* openElsewhere(file)
      yield* elsewhere("BEGIN IMMEDIATE")
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layerOf(file, 50))))
      expect(error.message).toContain(`the database ${file} is in use by another program`)
      const starting = yield* forked(Effect.scoped(Layer.build(layerOf(file))))
      yield* turns
      expect(starting.pollUnsafe()).toBeUndefined()
      yield* elsewhere("COMMIT")
      yield* Fiber.join(starting)
    }).pipe(Effect.scoped),
  )
})

describe("while another process reads old rows", () => {
  const MEGABYTE = "x".repeat(1_048_576)
  const grow = Effect.flatMap(Events, (events) =>
    events.commit((db) => {
      db.prepare("INSERT INTO notes VALUES (?)").run(MEGABYTE)
      return [undefined, []]
    }),
  )
  const sizeOf = (file: string) => Fs.statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0

  it.live(
    "writes go on far beyond 64 MB of write-ahead log, which starts over when the reader has gone",
    () =>
      beside((elsewhere, file) =>
        Effect.gen(function* () {
          yield* Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE notes (text TEXT)`)
          yield* elsewhere("BEGIN; SELECT count(*) FROM events")
          for (let megabytes = 0; megabytes < 70; megabytes++) yield* grow
          expect(sizeOf(file)).toBeGreaterThan(67_108_864)
          yield* elsewhere("COMMIT")
          yield* Effect.repeat(grow, { until: () => sizeOf(file) < 67_108_864 })
        }),
      ),
    60_000,
  )
})

describe("the wait for the write lock", () => {
  const held = { _tag: "Held" } as const
  const isHeld = () => true

  it.effect("tries often at first, then less often, and fails as the last attempt did after the limit", () =>
    Effect.gen(function* () {
      const lock = yield* makeWriteLock("test.db", 1_000)
      let attempts = 0
      const attempt = Effect.suspend(() => {
        attempts++
        return Effect.fail(held)
      })
      const fiber = yield* forked(Effect.flip(lock.retry(attempt, isHeld)))
      yield* TestClock.adjust("20 millis")
      const early = attempts
      expect(early).toBeGreaterThan(5)
      yield* TestClock.adjust("500 millis")
      expect(attempts - early).toBeLessThan(50)
      expect(fiber.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("500 millis")
      expect(yield* Fiber.join(fiber)).toBe(held)
    }),
  )

  it.effect("does not try again what fails for another reason", () =>
    Effect.gen(function* () {
      const lock = yield* makeWriteLock("test.db", 1_000)
      expect(yield* Effect.flip(lock.retry(Effect.fail("no"), () => false))).toBe("no")
    }),
  )

  it.effect("is told once when it is long, once when it is over, and no more than once a minute", () => {
    const told: Array<string> = []
    const logger = Logger.layer([
      Logger.make(({ logLevel, message }) => void told.push(`${logLevel} ${String(message)}`)),
    ])
    return Effect.gen(function* () {
      const lock = yield* makeWriteLock("/folder/test.db", 5_000)
      const wait = Effect.fnUntraced(function* (ms: number) {
        for (let waited = 0; waited <= ms; waited += 25) {
          lock.onHeld(yield* Effect.clockWith((clock) => clock.currentTimeMillis))
          yield* TestClock.adjust("25 millis")
        }
        lock.onAcquired()
        yield* Effect.yieldNow
      })
      yield* wait(900)
      expect(told).toEqual([])
      yield* wait(3_000)
      expect(told).toEqual([
        expect.stringMatching(/^Warn writes wait because another process holds the write lock of \/folder\/test\.db: /),
        expect.stringMatching(/^Info writes go on: .* for 3\.0 s$/),
      ])
      yield* wait(3_000)
      expect(told).toHaveLength(2)
      yield* TestClock.adjust("1 minute")
      yield* wait(3_000)
      expect(told).toHaveLength(4)
    }).pipe(Effect.provide(logger))
  })

  it.effect("is a problem of health while it lasts", () =>
    Effect.gen(function* () {
      const lock = yield* makeWriteLock("test.db", 5_000)
      expect(lock.problem(0)).toBeNull()
      for (const now of [0, 250, 500, 750]) lock.onHeld(now)
      expect(lock.problem(750)).toBe("another program keeps the database locked: writes have waited for 0.8 s")
      // Nobody has tried since.
      expect(lock.problem(5_000)).toBeNull()
      lock.onAcquired()
      expect(lock.problem(750)).toBeNull()
    }),
  )
})
