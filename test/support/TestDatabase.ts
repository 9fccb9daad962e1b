/**
 * The database that a test stands on: SQLite, or a PostgreSQL schema in `npm run test:postgres`. Its place is the path of a
 * file or the URL of a schema, where a stopped gateway finds its rows again. The gateways and services of the tests use it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { GatewayConfig } from "../../src/domain/GatewayConfig.ts"
import * as Database from "../../src/services/storage/Database.ts"
import type { EventBus } from "../../src/services/storage/EventBus.ts"
import { Sqlite } from "../../src/services/storage/sqlite/Sqlite.ts"
import type { Storage } from "../../src/services/storage/Storage.ts"
import { temporaryFolder } from "./GatewayProcess.ts"
import { execute, isPostgres, schemaUrl } from "./Postgres.ts"

type Rows = ReadonlyArray<Record<string, unknown>>

export class TestDatabase extends Context.Service<
  TestDatabase,
  {
    /** Runs statements that both databases understand, and returns the rows of the last one. */
    readonly query: (...statements: ReadonlyArray<string>) => Effect.Effect<Rows>
  }
>()("causeway/test/TestDatabase") {}

type TestStorage<Also = never> = Layer.Layer<EventBus | Storage | TestDatabase | Also, never, GatewayConfig>

const run = (db: DatabaseSync, statements: ReadonlyArray<string>): Rows =>
  statements.map((sql) => db.prepare(sql).all()).at(-1) ?? []

/** A place that the end of the scope removes. */
export const newPlace: Effect.Effect<string, never, Scope.Scope> = isPostgres
  ? schemaUrl
  : Effect.map(temporaryFolder, (folder) => join(folder, "db"))

const isUrl = (place: string) => place.startsWith("postgres:")

/** As the method `query` of TestDatabase, also while no gateway uses the place. */
export const queryAt = (place: string, ...statements: ReadonlyArray<string>): Effect.Effect<Rows> =>
  isUrl(place)
    ? execute(place, ...statements)
    : Effect.sync(() => {
        const db = new DatabaseSync(place)
        try {
          return run(db, statements)
        } finally {
          db.close()
        }
      })

/** The storage at a place. */
export const layerAt = (place: string): TestStorage =>
  Layer.merge(
    Layer.orDie(isUrl(place) ? Database.layerPostgres(Redacted.make(place)) : Database.layerFile(place)),
    Layer.succeed(TestDatabase, { query: (...statements) => queryAt(place, ...statements) }),
  )

/** A database in memory, for tests that reach into SQLite. */
export const layerSqlite: TestStorage<Sqlite> = Layer.effect(
  TestDatabase,
  Effect.map(Sqlite, ({ db }) => ({ query: (...statements) => Effect.sync(() => run(db, statements)) })),
).pipe(Layer.provideMerge(Database.layerMemory))

/** How many cases a property test has if each needs a new database: PostgreSQL takes tens of milliseconds to make one. */
export const PROPERTY_RUNS = isPostgres ? 10 : 100

/** A new database, which disappears with its scope. */
export const layer: TestStorage = isPostgres ? Layer.unwrap(Effect.map(newPlace, layerAt)) : layerSqlite
