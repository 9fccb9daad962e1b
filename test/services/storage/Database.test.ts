import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import { migrate } from "../../../src/services/storage/sqlite/Migrations.ts"
import { Sqlite } from "../../../src/services/storage/sqlite/Sqlite.ts"

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-sqlite-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true })),
)

const layerFile = (file: string) => Layer.provide(Database.layerFile(file), GatewayConfig.layer({}))

const temporaryFile = Effect.map(temporaryFolder, (folder) => Path.join(folder, "test.db"))

describe("Database", () => {
  it.live("Migrations run once.", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const versions = Effect.gen(function* () {
        yield* migrate
        const { db } = yield* Sqlite
        return db.prepare("SELECT migration_id, created_at FROM causeway_migrations").all()
      })
      const first = yield* Effect.provide(versions, layerFile(file))
      const second = yield* Effect.provide(versions, layerFile(file))
      expect(first.length).toBeGreaterThanOrEqual(3)
      expect(second).toEqual(first)
    }).pipe(Effect.scoped),
  )
})

describe("Database: startup errors", () => {
  const problemOf = (file: string) => Effect.flip(Layer.build(layerFile(file)))

  it.live("A database of a newer program stops the start and stays as it is.", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* Effect.scoped(Layer.build(layerFile(file)))
      const db = new DatabaseSync(file)
      db.exec("INSERT INTO causeway_migrations (migration_id, name) VALUES (9999, 'future')")
      db.close()
      const { problem, remedy } = yield* problemOf(file)
      expect(problem).toMatch(/^the database has schema version 9999, this program knows \d+$/)
      expect(remedy).toContain("newer version")
    }).pipe(Effect.scoped),
  )

  it.live("A file that is no database stops the start.", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      Fs.writeFileSync(file, "Dear diary, ".repeat(1_000))
      expect((yield* problemOf(file)).problem).toBe(`the database ${file} is not a database`)
    }).pipe(Effect.scoped),
  )

  it.live("A damaged database stops the start.", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* Effect.scoped(Layer.build(layerFile(file)))
      Fs.truncateSync(file, 10_000)
      expect((yield* problemOf(file)).problem).toBe(`the database ${file} is damaged`)
    }).pipe(Effect.scoped),
  )

  it.live("A missing folder stops the start.", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* temporaryFolder, "none", "test.db")
      expect((yield* problemOf(file)).problem).toBe(`the database ${file} cannot be opened`)
    }).pipe(Effect.scoped),
  )

  it.live.skipIf(!Fs.existsSync("/dev/full"))("A full disk stops the start.", () =>
    Effect.gen(function* () {
      const { problem, remedy } = yield* problemOf("/dev/full")
      expect(problem).toBe("the database /dev/full cannot be written because the disk is full")
      expect(remedy).toContain("free disk space")
    }).pipe(Effect.scoped),
  )
})
