import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { startCheckpointer } from "../../../../src/services/storage/sqlite/Checkpointer.ts"
import { Sqlite } from "../../../../src/services/storage/sqlite/Sqlite.ts"
import { isBusy } from "../../../../src/services/storage/sqlite/SqliteError.ts"
import { makeWriteLock } from "../../../../src/services/storage/sqlite/WriteLock.ts"
import { openElsewhere } from "../../../support/OtherProcess.ts"

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-sqlite-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true })),
)

const temporaryFile = Effect.map(temporaryFolder, (folder) => Path.join(folder, "test.db"))

describe("Checkpointer", () => {
  const sizeOf = (file: string) => (Fs.existsSync(file) ? Fs.statSync(file).size : 0)
  const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

  it.live("A clean stop moves the whole log into the database file and removes it.", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* Effect.gen(function* () {
        const { db } = yield* Sqlite
        db.exec("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('a')")
        expect(sizeOf(`${file}-wal`)).toBeGreaterThan(0)
      }).pipe(Effect.provide(Sqlite.layer({ filename: file, durability: "power" })))
      expect(Fs.readdirSync(Path.dirname(file))).toEqual(["test.db"])
    }).pipe(Effect.scoped),
  )

  it.live("The log stays bounded under writes that never pause.", () =>
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

  it.effect("The thread moves the log into the database once the log has grown.", () =>
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
    "A reader of another process that holds the log back stops no write. The gateway logs it and the end of it.",
    () => {
      const lines: Array<string> = []
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
              until: () => lines.some((text) => line.test(text)),
            },
          )
        const elsewhere = yield* openElsewhere(file)
        yield* elsewhere("BEGIN; SELECT count(*) FROM notes")
        yield* writeUntil(/test\.db-wal has grown to \d+ MB because another process still reads/)
        yield* elsewhere("COMMIT")
        yield* writeUntil(/test\.db-wal has started over/)
      }).pipe(
        Effect.scoped,
        Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])),
      )
    },
  )

  it.live("The connection makes checkpoints itself after the thread has ended.", () =>
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
