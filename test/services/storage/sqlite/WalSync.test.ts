import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { join } from "node:path"
import { GatewayConfig } from "../../../../src/domain/GatewayConfig.ts"
import { Storage } from "../../../../src/services/storage/Storage.ts"
import { migrate } from "../../../../src/services/storage/sqlite/Migrations.ts"
import { Sqlite } from "../../../../src/services/storage/sqlite/Sqlite.ts"
import * as SqliteStorage from "../../../../src/services/storage/sqlite/SqliteStorage.ts"
import * as WalSync from "../../../../src/services/storage/sqlite/WalSync.ts"
import { temporaryFolder } from "../../../support/GatewayProcess.ts"

/** A disk whose syncs the test ends. */
const makeDisk = () => {
  const waiting: Array<(error: Error | null) => void> = []
  return {
    waiting,
    syncFile: (_: number, done: (error: Error | null) => void) => void waiting.push(done),
    end: (error: Error | null = null) => waiting.shift()?.(error),
  }
}

/** The storage of a database on the disk. */
const storageOn = ({ syncFile }: Pick<ReturnType<typeof makeDisk>, "syncFile">) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "test.db")
      const connection = Layer.effect(
        Sqlite,
        Effect.gen(function* () {
          const sqlite = yield* Sqlite
          return { ...sqlite, wal: yield* Effect.orDie(WalSync.make(filename, syncFile)) }
        }),
      ).pipe(Layer.provide(Sqlite.layer({ filename, durability: "process" })))
      return SqliteStorage.layer.pipe(Layer.provide(Layer.effectDiscard(migrate)), Layer.provide(connection))
    }),
  ).pipe(Layer.provide(GatewayConfig.layer({})), Layer.orDie)

const write = Effect.gen(function* () {
  const group = [{ name: "test", key: undefined, work: Effect.succeed(["answer", []] as const) }]
  return yield* (yield* Storage).write(group, { at: 1, published: 0, onForeign: () => {} })
})

const read = Effect.flatMap(Storage, ({ read }) => read(Effect.succeed("seen")))

describe("WalSync", () => {
  it.effect("A write returns when its group is on the disk, and a read waits for it.", () => {
    const disk = makeDisk()
    return Effect.gen(function* () {
      const writing = yield* Effect.forkChild(write, { startImmediately: true })
      const reading = yield* Effect.forkChild(read, { startImmediately: true })
      expect(disk.waiting.length).toBe(1)
      expect([writing.pollUnsafe(), reading.pollUnsafe()]).toEqual([undefined, undefined])
      disk.end()
      expect(yield* Fiber.join(writing)).toMatchObject([{ value: { answer: "answer" } }])
      expect(yield* Fiber.join(reading)).toBe("seen")
      expect(yield* read).toBe("seen")
    }).pipe(Effect.provide(storageOn(disk)))
  })

  it.effect("A sync that fails ends the gateway, and later writes and reads fail with its reason.", () => {
    const disk = makeDisk()
    return Effect.gen(function* () {
      const { lost } = yield* Storage
      const writing = yield* Effect.forkChild(write, { startImmediately: true })
      disk.end(new Error("EIO: i/o error, fdatasync"))
      const failed = { _tag: "StorageUnavailable", detail: "EIO: i/o error, fdatasync" }
      expect(yield* Effect.flip(Fiber.join(writing))).toMatchObject(failed)
      expect(yield* Effect.flip(lost)).toMatchObject({
        problem: expect.stringMatching(/test\.db-wal cannot be brought/),
      })
      expect(yield* Effect.flip(write)).toMatchObject(failed)
      expect(yield* Effect.flip(read)).toMatchObject(failed)
      expect(disk.waiting).toEqual([])
    }).pipe(Effect.provide(storageOn(disk)))
  })

  it.live("With the durability `power` a write reaches a real disk, and with `process` nothing waits for it.", () =>
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "test.db")
      const walOf = (durability: "power" | "process") =>
        Effect.provide(
          Effect.map(Sqlite, ({ wal }) => wal),
          Sqlite.layer({ filename, durability }),
        )
      expect(yield* walOf("process")).toBeUndefined()
      const exit = yield* Effect.provide(
        Effect.flatMap(Sqlite, ({ db, wal }) => {
          db.exec("CREATE TABLE notes (text TEXT)")
          return Effect.exit(wal!.sync)
        }),
        Sqlite.layer({ filename, durability: "power" }),
      )
      expect(exit).toEqual(Exit.void)
    }),
  )
})
