/**
 * The gateway's database: the connection, its file in the state folder, its tables brought up to date. What stands in
 * the tables their owners know.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as SqlClient from "effect/sql/SqlClient"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import { migrate } from "./Migrations.ts"
import { Sqlite } from "./Sqlite.ts"
import { StateFolder } from "./StateFolder.ts"

const migrated = <E>(connection: Layer.Layer<Sqlite | SqlClient.SqlClient, E>) =>
  Layer.effectDiscard(migrate).pipe(Layer.provideMerge(connection))

/** `causeway.db` in the state folder, as durable as the option `durability` says. */
export const layer: Layer.Layer<Sqlite | SqlClient.SqlClient, StartupError, StateFolder | GatewayConfig> = Layer.unwrap(
  Effect.gen(function* () {
    const { durability, lockWaitMs } = yield* GatewayConfig
    const { databaseFile } = yield* StateFolder
    return migrated(Sqlite.layer({ filename: databaseFile, durability, lockWaitMs }))
  }),
)

/**
 * A database at a path of the caller's choosing. `power`: what is acknowledged survives a power cut; `lockWaitMs`: how
 * long a write waits for another process; see GatewayConfig.
 */
export const layerFile = (filename: string, durability: GatewaySettings["durability"] = "power", lockWaitMs?: number) =>
  migrated(Sqlite.layer({ filename, durability, ...(lockWaitMs !== undefined && { lockWaitMs }) }))

/** Gone with its scope. For tests. */
export const layerMemory: Layer.Layer<Sqlite | SqlClient.SqlClient> = Layer.orDie(migrated(Sqlite.layerMemory))
