/**
 * SQLite: the one connection to the gateway's database, as effect/sql's SqlClient and, for the few paths that write
 * many rows in one synchronous step, as the raw handle. It knows no table.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { DatabaseSync } from "node:sqlite"

export class Sqlite extends Context.Service<
  Sqlite,
  {
    readonly db: DatabaseSync
    /** Runs the effect alone on the connection: never inside a transaction of somebody else. */
    withLock<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
  }
>()("causeway/services/Sqlite") {}
