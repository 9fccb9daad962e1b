import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as SqlClient from "effect/sql/SqlClient"
import { Sqlite } from "../../../src/services/storage/Sqlite.ts"

const withNotes = Effect.tap(
  SqlClient.SqlClient,
  (sql) => sql`CREATE TABLE notes (id INTEGER PRIMARY KEY, text UNIQUE)`,
)

describe("Sqlite", () => {
  it.effect("SqlClient stores booleans, dates and undefined, and refuses objects.", () =>
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

  it.effect("SqlClient reads integers beyond 2^53 with SafeIntegers.", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const large = 9_007_199_254_740_993n
      const select = sql<{ n: bigint }>`SELECT ${large} AS n`
      expect((yield* Effect.provideService(select, SqlClient.SafeIntegers, true))[0]?.n).toBe(large)
      expect((yield* Effect.flip(select)).message).toContain("too large")
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )

  it.effect("One prepared statement returns rows, values and a stream in turn.", () =>
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

  it.effect("A violated UNIQUE constraint fails with UniqueViolation.", () =>
    Effect.gen(function* () {
      const sql = yield* withNotes
      yield* sql`INSERT INTO notes VALUES (1, 'a')`
      const error = yield* Effect.flip(sql`INSERT INTO notes VALUES (2, 'a')`)
      expect(error.reason._tag).toBe("UniqueViolation")
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )

  it.effect("An interrupted transaction is rolled back, and the next one begins.", () =>
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

  it.effect("A failed inner transaction is rolled back without the outer one.", () =>
    Effect.gen(function* () {
      const sql = yield* withNotes
      const inner = sql.withTransaction(Effect.andThen(sql`INSERT INTO notes VALUES (2, 'inner')`, Effect.fail("no")))
      yield* sql.withTransaction(Effect.andThen(sql`INSERT INTO notes VALUES (1, 'outer')`, Effect.ignore(inner)))
      expect(yield* sql`SELECT text FROM notes`).toEqual([{ text: "outer" }])
    }).pipe(Effect.provide(Sqlite.layerMemory)),
  )

  it.effect("A fiber that takes the lock waits for the transaction of another fiber.", () =>
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
