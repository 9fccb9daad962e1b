/**
 * Database: layers of the gateway's storage, with all migrations applied, and of the bus between the nodes that share it.
 * Gateway.ts chooses among them.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import { EventBus } from "./EventBus.ts"
import { migrate } from "./sqlite/Migrations.ts"
import { Sqlite } from "./sqlite/Sqlite.ts"
import { StateFolder } from "./StateFolder.ts"
import type { Storage } from "./Storage.ts"
import * as SqliteStorage from "./sqlite/SqliteStorage.ts"

/** SQLite serves one process, so its bus has no other node. */
const migrated = <E>(connection: Layer.Layer<Sqlite, E>) =>
  Layer.merge(SqliteStorage.layer, EventBus.layerLocal).pipe(
    Layer.provide(Layer.effectDiscard(migrate)),
    Layer.provideMerge(connection),
  )

/** The database `causeway.db` in the state folder, with the options `durability` and `lockWaitMs`. */
export const layer: Layer.Layer<EventBus | Storage | Sqlite, StartupError, StateFolder | GatewayConfig> = Layer.unwrap(
  Effect.gen(function* () {
    const { durability, lockWaitMs } = yield* GatewayConfig
    const { databaseFile } = yield* StateFolder
    return migrated(Sqlite.layer({ filename: databaseFile, durability, lockWaitMs }))
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
