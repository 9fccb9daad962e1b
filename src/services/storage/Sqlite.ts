/**
 * Sqlite: the one connection to the gateway's database. Services use it as effect/sql's `SqlClient`, or as the raw handle
 * where they write many rows in one synchronous step.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { makeCompilerSqlite } from "effect/sql/Statement"
import { DatabaseSync } from "node:sqlite"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import { startCheckpointer } from "./Checkpointer.ts"
import { makeConnection } from "./SqliteConnection.ts"
import { isBusy, toStartupError } from "./SqliteError.ts"
import { makeWriteLock, type WriteLock } from "./WriteLock.ts"

export interface SqliteOptions {
  readonly filename: string
  /** `power`: a commit is on the disk when it returns. `process`: the operating system has received it. */
  readonly durability: GatewaySettings["durability"]
  /** How many milliseconds a write waits while another process holds the write lock. Left out: 5,000. */
  readonly lockWaitMs?: number
}

const IN_MEMORY = ":memory:"

/** "CWGW" in the header of the file, so that programs such as `file` can identify it. */
const APPLICATION_ID = 0x43574757

const LOCK_WAIT_MS = 5_000

export class Sqlite extends Context.Service<
  Sqlite,
  {
    /** The raw handle. Write to it inside `Events.commit` only. */
    readonly db: DatabaseSync
    /** Runs the effect alone on the connection, outside the transactions of other fibers. */
    withLock<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
    /** Runs `SqlClient.withTransaction`, but fails at once if another process holds the write lock. */
    tryTransaction<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError, R>
    /** Waits for other processes. `withLock` waits for other fibers. */
    readonly writeLock: WriteLock
  }
>()("causeway/services/storage/Sqlite") {
  /** Opens the file, or fails with `StartupError`. Closes it with the scope. */
  static readonly layer = (options: SqliteOptions): Layer.Layer<Sqlite | SqlClient.SqlClient, StartupError> =>
    Layer.effectContext(make(options)).pipe(Layer.provide(Reactivity.layer))

  /** A database in memory that disappears with its scope. For tests. */
  static readonly layerMemory = Layer.suspend(() =>
    Layer.orDie(Sqlite.layer({ filename: IN_MEMORY, durability: "process" })),
  )
}

const make = Effect.fnUntraced(function* (options: SqliteOptions) {
  const { filename, lockWaitMs = LOCK_WAIT_MS } = options
  const writeLock = yield* makeWriteLock(filename, lockWaitMs)
  const db = yield* Effect.acquireRelease(
    Effect.mapError(writeLock.retry(open(options), isBusy), (error) => toStartupError(error, filename)),
    (db) => Effect.sync(() => db.close()),
    { interruptible: true },
  )
  if (filename !== IN_MEMORY) yield* startCheckpointer(db, filename)
  const semaphore = Semaphore.makeUnsafe(1)
  const acquirers = SqlClient.makeSqliteAcquirers({
    connection: Effect.succeed(makeConnection(db)),
    semaphore,
    isTransaction: (connection) => connection.db.isTransaction,
  })
  const client = yield* SqlClient.make({
    ...acquirers,
    // Between two attempts of a statement, other fibers may use the connection.
    borrower: (use) => writeLock.retry(acquirers.borrower(use), isBusy),
    compiler: makeCompilerSqlite(),
    driver: "sqlite-node",
    // A deferred transaction fails at its first write while the checkpointer holds the write lock.
    beginTransaction: "BEGIN IMMEDIATE",
    prepareTransactionControls: true,
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    spanAttributes: [["db.system.name", "sqlite"]],
  })
  const tryTransaction = client.withTransaction
  return Context.make(
    SqlClient.SqlClient,
    Object.assign(client, { withTransaction: withRetry(tryTransaction, writeLock) }),
  ).pipe(Context.add(Sqlite, { db, withLock: (effect) => semaphore.withPermit(effect), tryTransaction, writeLock }))
})

/** Retries BEGIN while another process holds the write lock. Never runs the work twice. */
const withRetry =
  (
    tryTransaction: SqlClient.SqlClient["withTransaction"],
    writeLock: WriteLock,
  ): SqlClient.SqlClient["withTransaction"] =>
  (work) =>
    Effect.suspend(() => {
      let hasBegun = false
      const attempt = tryTransaction(
        Effect.suspend(() => {
          hasBegun = true
          writeLock.onAcquired()
          return work
        }),
      )
      return writeLock.retry(attempt, (error) => !hasBegun && isBusy(error))
    })

/**
 * Opens the file and writes to it once, so that the start fails if the file is read-only, and not the first message. SQLite
 * itself never waits for a lock, because that would block the event loop: see WriteLock.
 */
const open = ({ durability, filename }: SqliteOptions) =>
  Effect.suspend(() => {
    let db: DatabaseSync | undefined
    try {
      db = new DatabaseSync(filename, { timeout: 0 })
      db.exec("PRAGMA journal_mode = WAL")
      db.exec(`PRAGMA synchronous = ${durability === "power" ? "FULL" : "NORMAL"}`)
      db.exec("PRAGMA temp_store = MEMORY")
      db.exec(`BEGIN IMMEDIATE; PRAGMA application_id = ${APPLICATION_ID}; COMMIT`)
      return Effect.succeed(db)
    } catch (error) {
      db?.close()
      return Effect.fail(error)
    }
  })
