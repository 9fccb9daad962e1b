import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as SqlClient from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { startCheckpointer } from "../../../src/services/storage/Checkpointer.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import { migrate } from "../../../src/services/storage/Migrations.ts"
import { Sqlite } from "../../../src/services/storage/Sqlite.ts"
import { isBusy } from "../../../src/services/storage/SqliteError.ts"
import { makeWriteLock } from "../../../src/services/storage/WriteLock.ts"
import { openElsewhere } from "../../support/OtherProcess.ts"

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-sqlite-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true })),
)

const temporaryFile = Effect.map(temporaryFolder, (folder) => Path.join(folder, "test.db"))

const withNotes = Effect.tap(
  SqlClient.SqlClient,
  (sql) => sql`CREATE TABLE notes (id INTEGER PRIMARY KEY, text UNIQUE)`,
)

describe("SqlClient", () => {
  it.effect("stores what JavaScript has and SQLite has not", () =>
    Effect.gen(function* () {
      const sql = yield* withNotes
      yield* sql`INSERT INTO notes ${sql.insert([
        { id: 1, text: true },
        { id: 2, text: new Date(0) },
        { id: 3, text: null },
      ])}`
      yield* sql`INSERT INTO notes VALUES (4, ${undefined}), (5, ${new Uint8Array([1, 2])}), (6, ${"ä"})`
      const rows = yield* sql<{ text: unknown }>`SELECT text FROM notes ORDER BY id`
      expect(rows.map(({ text }) => text)).toEqual([
        1,
        "1970-01-01T00:00:00.000Z",
        null,
        null,
        new Uint8Array([1, 2]),
        "ä",
      ])
      const error = yield* Effect.flip(sql`INSERT INTO notes VALUES (7, ${{ an: "object" }})`)
      expect(error.message).toBe("SQLite stores no object")
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )

  it.effect("reads integers beyond 2^53 where they are asked for", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const large = 9_007_199_254_740_993n
      const select = sql<{ n: bigint }>`SELECT ${large} AS n`
      expect((yield* Effect.provideService(select, SqlClient.SafeIntegers, true))[0]?.n).toBe(large)
      expect((yield* Effect.flip(select)).message).toContain("too large")
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )

  it.effect("answers rows, values, and changes, from one statement in turn", () =>
    Effect.gen(function* () {
      const sql = yield* withNotes
      yield* sql`INSERT INTO notes VALUES (1, 'a'), (2, 'b')`
      const select = sql`SELECT * FROM notes`
      expect(yield* select).toEqual([
        { id: 1, text: "a" },
        { id: 2, text: "b" },
      ])
      expect(yield* select.values).toEqual([
        [1, "a"],
        [2, "b"],
      ])
      expect(yield* select).toEqual([
        { id: 1, text: "a" },
        { id: 2, text: "b" },
      ])
      expect(yield* Stream.runCollect(select.stream)).toEqual([
        { id: 1, text: "a" },
        { id: 2, text: "b" },
      ])
      expect(yield* sql`DELETE FROM notes`.raw).toMatchObject({ changes: 2 })
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )

  it.effect("knows a unique violation for what it is", () =>
    Effect.gen(function* () {
      const sql = yield* withNotes
      yield* sql`INSERT INTO notes VALUES (1, 'a')`
      const error = yield* Effect.flip(sql`INSERT INTO notes VALUES (2, 'a')`)
      expect(error.reason._tag).toBe("UniqueViolation")
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )

  it.effect("rolls back a transaction that is interrupted, and lets the next one in", () =>
    Effect.gen(function* () {
      const sql = yield* withNotes
      const begun = yield* Deferred.make<void>()
      const fiber = yield* sql`INSERT INTO notes VALUES (1, 'a')`.pipe(
        Effect.andThen(Deferred.succeed(begun, undefined)),
        Effect.andThen(Effect.never),
        sql.withTransaction,
        Effect.forkChild,
      )
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      expect(yield* sql`SELECT * FROM notes`).toEqual([])
      yield* sql.withTransaction(sql`INSERT INTO notes VALUES (1, 'b')`)
      expect(yield* sql`SELECT text FROM notes`).toEqual([{ text: "b" }])
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )

  it.effect("takes back an inner transaction without the outer", () =>
    Effect.gen(function* () {
      const sql = yield* withNotes
      const inner = sql.withTransaction(Effect.andThen(sql`INSERT INTO notes VALUES (2, 'inner')`, Effect.fail("no")))
      yield* sql.withTransaction(Effect.andThen(sql`INSERT INTO notes VALUES (1, 'outer')`, Effect.ignore(inner)))
      expect(yield* sql`SELECT text FROM notes`).toEqual([{ text: "outer" }])
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )

  it.effect("lets nobody into a transaction of somebody else", () =>
    Effect.gen(function* () {
      const sql = yield* withNotes
      const { db, withLock } = yield* Sqlite
      const begun = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const transaction = yield* Deferred.succeed(begun, undefined).pipe(
        Effect.andThen(Deferred.await(goOn)),
        sql.withTransaction,
        Effect.forkChild,
      )
      yield* Deferred.await(begun)
      const other = yield* Effect.forkChild(withLock(Effect.sync(() => db.isTransaction)), { startImmediately: true })
      expect(other.pollUnsafe()).toBeUndefined()
      yield* Deferred.succeed(goOn, undefined)
      expect(yield* Fiber.join(other)).toBe(false)
      yield* Fiber.join(transaction)
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )
})

describe("migrations", () => {
  it.live("run once, whether the database is new or not", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const versions = Effect.gen(function* () {
        yield* migrate
        const sql = yield* SqlClient.SqlClient
        return yield* sql`SELECT migration_id, created_at FROM causeway_migrations`
      })
      const first = yield* Effect.provide(versions, Database.layerFile(file))
      const second = yield* Effect.provide(versions, Database.layerFile(file))
      expect(first.length).toBeGreaterThanOrEqual(3)
      expect(second).toEqual(first)
    }).pipe(Effect.scoped),
  )
})

describe("a database that cannot be used", () => {
  const problemOf = (file: string) => Effect.flip(Layer.build(Database.layerFile(file)))

  it.live("because a newer program has it, is left alone", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* Effect.scoped(Layer.build(Database.layerFile(file)))
      const db = new DatabaseSync(file)
      db.exec("INSERT INTO causeway_migrations (migration_id, name) VALUES (9999, 'future')")
      db.close()
      const { problem, remedy } = yield* problemOf(file)
      expect(problem).toMatch(/^the database has schema version 9999, this program knows \d+$/)
      expect(remedy).toContain("newer version")
    }).pipe(Effect.scoped),
  )

  it.live("because it is something else, says so", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      Fs.writeFileSync(file, "Dear diary, ".repeat(1_000))
      expect((yield* problemOf(file)).problem).toBe(`the database ${file} is not a database`)
    }).pipe(Effect.scoped),
  )

  it.live("because it is damaged, says so", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* Effect.scoped(Layer.build(Database.layerFile(file)))
      Fs.truncateSync(file, 10_000)
      expect((yield* problemOf(file)).problem).toBe(`the database ${file} is damaged`)
    }).pipe(Effect.scoped),
  )

  it.live("because there is no such folder, says so", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* temporaryFolder, "none", "test.db")
      expect((yield* problemOf(file)).problem).toBe(`the database ${file} cannot be opened`)
    }).pipe(Effect.scoped),
  )

  it.live.skipIf(!Fs.existsSync("/dev/full"))("because the disk is full, says so", () =>
    Effect.gen(function* () {
      const { problem, remedy } = yield* problemOf("/dev/full")
      expect(problem).toBe("the database /dev/full cannot be written because the disk is full")
      expect(remedy).toContain("free disk space")
    }).pipe(Effect.scoped),
  )
})

describe("the write-ahead log", () => {
  const sizeOf = (file: string) => (Fs.existsSync(file) ? Fs.statSync(file).size : 0)
  const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

  it.live("is in the database file, and gone, when the gateway has stopped", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* Effect.gen(function* () {
        const sql = yield* withNotes
        yield* sql`INSERT INTO notes VALUES (1, 'a')`
        expect(sizeOf(`${file}-wal`)).toBeGreaterThan(0)
      }).pipe(Effect.provide(Sqlite.layer({ filename: file, durability: "power" })))
      expect(Fs.readdirSync(Path.dirname(file))).toEqual(["test.db"])
    }).pipe(Effect.scoped),
  )

  it.live("does not grow without bound under writes that never pause", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const db = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(file)),
        (db) => Effect.sync(() => db.close()),
      )
      db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE notes (text TEXT)")
      db.exec("PRAGMA busy_timeout = 5000")
      yield* startCheckpointer(db, file, { firstBytes: 0, intervalMs: 2, maxPages: 200 })
      let largest = 0
      let shrunk = 0
      const insert = db.prepare("INSERT INTO notes VALUES (?)")
      while (shrunk < 3) {
        for (let row = 0; row < 20; row++) insert.run("x".repeat(3_000))
        const size = sizeOf(`${file}-wal`)
        if (size < largest) {
          shrunk++
          largest = 0
        } else largest = size
        yield* turn
      }
    }).pipe(Effect.scoped),
  )

  it.effect("is moved into the database once there is enough of it", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const db = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(file)),
        (db) => Effect.sync(() => db.close()),
      )
      db.exec("PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; CREATE TABLE notes (text TEXT)")
      yield* startCheckpointer(db, file, { firstBytes: 1_000_000, intervalMs: 2, maxPages: 0 })
      const insert = db.prepare("INSERT INTO notes VALUES (?)")
      insert.run("x".repeat(100_000))
      yield* TestClock.adjust("1 minute")
      expect(sizeOf(`${file}-wal`)).toBeGreaterThan(100_000)
      insert.run("x".repeat(1_000_000))
      yield* TestClock.adjust("1 second")
      while (sizeOf(`${file}-wal`) > 0) yield* turn
      expect(sizeOf(file)).toBeGreaterThan(1_000_000)
    }).pipe(Effect.scoped),
  )

  it.live(
    "that a reader of another process holds back stops no write, is told once, and starts over afterwards",
    () => {
      const told: Array<string> = []
      return Effect.gen(function* () {
        const file = yield* temporaryFile
        const db = yield* Effect.acquireRelease(
          Effect.sync(() => new DatabaseSync(file, { timeout: 0 })),
          (db) => Effect.sync(() => db.close()),
        )
        db.exec("PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)")
        yield* startCheckpointer(db, file, {
          firstBytes: 0,
          intervalMs: 2,
          maxPages: 200,
          truncateWaitMs: 1,
          stuckMs: 0,
        })
        const lock = yield* makeWriteLock(file, 1_000)
        const insert = db.prepare("INSERT INTO notes VALUES (?)")
        const write = Effect.try(() => insert.run("x".repeat(3_000)))
        const writeUntil = (line: RegExp) =>
          Effect.repeat(
            Effect.andThen(
              turn,
              lock.retry(write, ({ cause }) => isBusy(cause)),
            ),
            {
              until: () => told.some((text) => line.test(text)),
            },
          )
        const elsewhere = yield* openElsewhere(file)
        yield* elsewhere("BEGIN; SELECT count(*) FROM notes")
        yield* writeUntil(/test\.db-wal has grown to \d+ MB because another process still reads/)
        yield* elsewhere("COMMIT")
        yield* writeUntil(/test\.db-wal has started over/)
      }).pipe(
        Effect.scoped,
        Effect.provide(Logger.layer([Logger.make(({ message }) => void told.push(String(message)))])),
      )
    },
  )

  it.live("is checkpointed by the connection itself when the thread is lost", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const db = new DatabaseSync(Path.join(folder, "test.db"))
      yield* startCheckpointer(db, Path.join(folder, "none", "test.db"), { firstBytes: 0 })
      const pages = Effect.sync(() => Number(db.prepare("PRAGMA wal_autocheckpoint").get()?.["wal_autocheckpoint"]))
      expect(yield* pages).toBe(0)
      const restored = yield* Effect.repeat(pages, {
        schedule: Schedule.spaced("5 millis"),
        until: (pages) => pages > 0,
      })
      expect(restored).toBe(1_000)
      db.close()
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([]))),
  )
})
