/**
 * SQLite: the one connection to the gateway's database, as effect/sql's SqlClient and, for the few paths that write
 * many rows in one synchronous step, as the raw handle. It knows no table.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import { makeCompilerSqlite } from "effect/sql/Statement"
import { DatabaseSync } from "node:sqlite"
import type { GatewaySettings } from "../domain/GatewayConfig.ts"
import type { StartupError } from "../domain/StartupError.ts"
import { checkpointer } from "./Checkpointer.ts"
import { makeConnection } from "./SqliteConnection.ts"
import { toStartupError } from "./SqliteError.ts"

export interface SqliteOptions {
  readonly filename: string
  /** `power`: a commit is on the disk when it returns. `process`: the operating system has it. */
  readonly durability: GatewaySettings["durability"]
}

const IN_MEMORY = ":memory:"

/** "CWGW" in the file's header: what `file` and a curious program read it as. */
const APPLICATION_ID = 0x43574757

/** Only the checkpointer is ever in the way, and only for a moment. */
const BUSY_TIMEOUT_MS = 5_000

export class Sqlite extends Context.Service<
  Sqlite,
  {
    readonly db: DatabaseSync
    /** Runs the effect alone on the connection: never inside a transaction of somebody else. */
    withLock<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
  }
>()("causeway/services/Sqlite") {
  static readonly layer = (options: SqliteOptions): Layer.Layer<Sqlite | SqlClient.SqlClient, StartupError> =>
    Layer.effectContext(make(options)).pipe(Layer.provide(Reactivity.layer))

  /** Gone with its scope. For tests. */
  static readonly layerMemory = Layer.suspend(() =>
    Layer.orDie(Sqlite.layer({ filename: IN_MEMORY, durability: "process" })),
  )
}

const make = Effect.fnUntraced(function* (options: SqliteOptions) {
  const db = yield* Effect.acquireRelease(open(options), (db) => Effect.sync(() => db.close()))
  if (options.filename !== IN_MEMORY) yield* checkpointer(db, options.filename)
  const semaphore = Semaphore.makeUnsafe(1)
  const client = yield* SqlClient.make({
    ...SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(makeConnection(db)),
      semaphore,
      isTransaction: (connection) => connection.db.isTransaction,
    }),
    compiler: makeCompilerSqlite(),
    driver: "sqlite-node",
    // A deferred transaction that comes to write gives up at once when the checkpointer is in the way.
    beginTransaction: "BEGIN IMMEDIATE",
    prepareTransactionControls: true,
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    spanAttributes: [["db.system.name", "sqlite"]],
  })
  return Context.make(SqlClient.SqlClient, client).pipe(
    Context.add(Sqlite, { db, withLock: (effect) => semaphore.withPermit(effect) }),
  )
})

/** Opens the file and writes to it once, so that one that cannot be written is known now and not at the first message. */
const open = ({ durability, filename }: SqliteOptions) =>
  Effect.suspend(() => {
    let db: DatabaseSync | undefined
    try {
      db = new DatabaseSync(filename)
      db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
      db.exec("PRAGMA journal_mode = WAL")
      db.exec(`PRAGMA synchronous = ${durability === "power" ? "FULL" : "NORMAL"}`)
      db.exec("PRAGMA temp_store = MEMORY")
      db.exec(`BEGIN IMMEDIATE; PRAGMA application_id = ${APPLICATION_ID}; COMMIT`)
      return Effect.succeed(db)
    } catch (error) {
      db?.close()
      return Effect.fail(toStartupError(error, filename))
    }
  })
