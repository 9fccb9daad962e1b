/** WriteLock, with a real second process that holds the database, and with the TestClock for the pauses. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { KeptEvent } from "../../../../src/domain/Event.ts"
import { GatewayConfig } from "../../../../src/domain/GatewayConfig.ts"
import * as Database from "../../../../src/services/storage/Database.ts"
import { Events } from "../../../../src/services/events/Events.ts"
import { Sqlite } from "../../../../src/services/storage/sqlite/Sqlite.ts"
import { makeWriteLock } from "../../../../src/services/storage/sqlite/WriteLock.ts"
import { openElsewhere } from "../../../support/OtherProcess.ts"

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

const commit = (id: string) => Effect.flatMap(Events, (events) => events.commit(Effect.succeed([id, [removed(id)]])))

/** Waits long enough for many attempts on the lock. */
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

/** Runs the test with a gateway's database and another process that has it open. */
const beside = <A, E>(
  test: (elsewhere: (sql: string) => Effect.Effect<void>, file: string) => Effect.Effect<A, E, Events | Sqlite>,
  lockWaitMs?: number,
) =>
  Effect.gen(function* () {
    lines.length = 0
    const file = yield* temporaryFile
    yield* Effect.gen(function* () {
      yield* test(yield* openElsewhere(file), file)
    }).pipe(Effect.provide(layerOf(file, lockWaitMs)))
  }).pipe(Effect.scoped)

describe("WriteLock: another process holds it", () => {
  it.live("Commits wait in their order, and the event loop and reads go on.", () =>
    beside((elsewhere) =>
      Effect.gen(function* () {
        yield* elsewhere("BEGIN IMMEDIATE")
        const first = yield* forked(commit("first"))
        yield* turns
        const second = yield* forked(commit("second"))
        yield* turns
        expect([first.pollUnsafe(), second.pollUnsafe()]).toEqual([undefined, undefined])
        expect(yield* stored).toEqual([])
        yield* elsewhere("COMMIT")
        expect([yield* Fiber.join(second), yield* Fiber.join(first)]).toEqual(["second", "first"])
        expect(yield* stored).toEqual(["first", "second"])
      }),
    ),
  )

  it.live("A write fails after the limit with the reason and changes nothing. The next write succeeds.", () =>
    beside(
      (elsewhere) =>
        Effect.gen(function* () {
          yield* elsewhere("BEGIN IMMEDIATE")
          expect(yield* Effect.flip(commit("lost"))).toMatchObject({
            _tag: "StorageUnavailable",
            detail: "another program has kept the database locked for 0.1 s",
          })
          yield* elsewhere("COMMIT")
          yield* commit("kept")
          expect(yield* stored).toEqual(["kept"])
        }),
      100,
    ),
  )

  it.live("An interrupted commit is not written.", () =>
    beside((elsewhere) =>
      Effect.gen(function* () {
        yield* elsewhere("BEGIN IMMEDIATE")
        const gone = yield* forked(commit("gone"))
        const stays = yield* forked(commit("stays"))
        yield* turns
        yield* Fiber.interrupt(gone)
        yield* elsewhere("COMMIT")
        yield* Fiber.join(stays)
        expect(yield* stored).toEqual(["stays"])
      }),
    ),
  )

  it.live("A stopping gateway waits for the lock and fails the commits that it could not write.", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const elsewhere = yield* openElsewhere(file)
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layerOf(file, 50), scope)
      yield* elsewhere("BEGIN IMMEDIATE")
      const write = yield* forked(Effect.provide(Effect.exit(commit("lost")), context))
      yield* Scope.close(scope, Exit.void)
      expect(Exit.isFailure(yield* Fiber.join(write))).toBe(true)
    }).pipe(Effect.scoped),
  )

  it.live("A start waits for the lock and fails after the limit with the name of the file.", () =>
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

describe("WriteLock: another process reads old rows", () => {
  const MEGABYTE = "x".repeat(1_048_576)
  const writeMegabyte = Effect.gen(function* () {
    const { db } = yield* Sqlite
    const events = yield* Events
    const insert = Effect.sync(() => db.prepare("INSERT INTO notes VALUES (?)").run(MEGABYTE))
    yield* events.commit(Effect.as(insert, [undefined, []] as const))
  })
  const sizeOf = (file: string) => Fs.statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0

  it.live(
    "Writes go on beyond 64 MB of write-ahead log, which starts over after the reader has ended.",
    () =>
      beside(
        (elsewhere, file) =>
          Effect.gen(function* () {
            yield* Effect.map(Sqlite, ({ db }) => db.exec("CREATE TABLE notes (text TEXT)"))
            yield* elsewhere("BEGIN; SELECT count(*) FROM events")
            for (let megabytes = 0; megabytes < 70; megabytes++) yield* writeMegabyte
            expect(sizeOf(file)).toBeGreaterThan(67_108_864)
            yield* elsewhere("COMMIT")
            // Small writes, because a busy disk would get each megabyte twice.
            yield* Effect.repeat(commit("small"), { until: () => sizeOf(file) < 67_108_864 })
          }),
        // A busy disk takes more than the usual 5 s to start such a log over.
        240_000,
      ),
    300_000,
  )
})

describe("WriteLock: retry", () => {
  const held = { _tag: "Held" } as const
  const isHeld = () => true

  it.effect("Attempts become rarer. After the limit the retry fails as the last attempt did.", () =>
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

  it.effect("An attempt that fails for another reason is not repeated.", () =>
    Effect.gen(function* () {
      const lock = yield* makeWriteLock("test.db", 1_000)
      expect(yield* Effect.flip(lock.retry(Effect.fail("no"), () => false))).toBe("no")
    }),
  )

  it.effect("A long wait is logged once, its end once, and no more than one wait in a minute.", () => {
    const logged: Array<string> = []
    const logger = Logger.layer([
      Logger.make(({ logLevel, message }) => void logged.push(`${logLevel} ${String(message)}`)),
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
      expect(logged).toEqual([])
      yield* wait(3_000)
      expect(logged).toEqual([
        expect.stringMatching(/^Warn writes wait because another process holds the write lock of \/folder\/test\.db: /),
        expect.stringMatching(/^Info writes go on: .* for 3\.0 s$/),
      ])
      yield* wait(3_000)
      expect(logged).toHaveLength(2)
      yield* TestClock.adjust("1 minute")
      yield* wait(3_000)
      expect(logged).toHaveLength(4)
    }).pipe(Effect.provide(logger))
  })

  it.effect("Health reports a long wait while it lasts.", () =>
    Effect.gen(function* () {
      const lock = yield* makeWriteLock("test.db", 5_000)
      expect(lock.problem(0)).toBeNull()
      for (const now of [0, 250, 500, 750]) lock.onHeld(now)
      expect(lock.problem(750)).toBe("another program keeps the database locked: writes have waited for 0.8 s")
      // No attempt has followed.
      expect(lock.problem(5_000)).toBeNull()
      lock.onAcquired()
      expect(lock.problem(750)).toBeNull()
    }),
  )
})
