/**
 * Database: layers of the gateway's storage, with all migrations applied, and of the bus between the nodes that share it.
 * Gateway.ts chooses among them.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import { EventBus } from "./EventBus.ts"
import { migrate } from "./sqlite/Migrations.ts"
import { Sqlite } from "./sqlite/Sqlite.ts"
import { StateFolder } from "./StateFolder.ts"
import { retentionOf, type Storage } from "./Storage.ts"
import * as SqliteStorage from "./sqlite/SqliteStorage.ts"

/** SQLite serves one process, so its bus has no other node. */
const migrated = <E>(connection: Layer.Layer<Sqlite, E>) =>
  Layer.merge(SqliteStorage.layer, EventBus.layerLocal).pipe(
    Layer.provide(Layer.effectDiscard(migrate)),
    Layer.provideMerge(connection),
  )

/**
 * PostgreSQL if the option `databaseUrl` is set. Otherwise the database `causeway.db` in the state folder, with the options
 * `durability` and `lockWaitMs`.
 */
export const layer: Layer.Layer<EventBus | Storage, StartupError, StateFolder | GatewayConfig> = Layer.unwrap(
  Effect.gen(function* () {
    const { databaseUrl, durability, lockWaitMs } = yield* GatewayConfig
    if (databaseUrl !== undefined) return layerPostgres(databaseUrl)
    const { databaseFile } = yield* StateFolder
    return migrated(Sqlite.layer({ filename: databaseFile, durability, lockWaitMs }))
  }),
)

/**
 * A schema of a PostgreSQL database, as the option `databaseUrl` names it. One gateway uses it at a time. A write waits
 * `lockWaitMs` milliseconds for a server that is gone. See GatewayConfig.
 */
export const layerPostgres = (url: Redacted.Redacted): Layer.Layer<EventBus | Storage, StartupError, GatewayConfig> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { events, lockWaitMs } = yield* GatewayConfig
      // The driver takes time and memory, so gateways on SQLite do not load it.
      const PostgresStorage = yield* Effect.promise(() => import("./postgres/PostgresStorage.ts"))
      return Layer.merge(
        PostgresStorage.layer({ url, retention: retentionOf(events), waitMs: lockWaitMs }),
        EventBus.layerLocal,
      )
    }),
  )

/**
 * A database at any path. With durability `power`, acknowledged writes survive a power cut. A write waits `lockWaitMs`
 * milliseconds for another process. See GatewayConfig.
 */
export const layerFile = (filename: string, durability: GatewaySettings["durability"] = "power", lockWaitMs?: number) =>
  migrated(Sqlite.layer({ filename, durability, ...(lockWaitMs !== undefined && { lockWaitMs }) }))

/** A database in memory that disappears with its scope. For tests. */
export const layerMemory: Layer.Layer<EventBus | Storage | Sqlite, never, GatewayConfig> = Layer.orDie(
  migrated(Sqlite.layerMemory),
)
