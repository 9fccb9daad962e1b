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
import type { SqlError } from "effect/sql/SqlError"
import { makeCompilerSqlite } from "effect/sql/Statement"
import { DatabaseSync } from "node:sqlite"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import { checkpointer } from "./Checkpointer.ts"
import { makeConnection } from "./SqliteConnection.ts"
import { isBusy, toStartupError } from "./SqliteError.ts"
import { makeWriteLock, type WriteLock } from "./WriteLock.ts"

export interface SqliteOptions {
  readonly filename: string
  /** `power`: a commit is on the disk when it returns. `process`: the operating system has it. */
  readonly durability: GatewaySettings["durability"]
  /** How long a write waits while another process holds the write lock. Left out: as the option `lockWaitMs`. */
  readonly lockWaitMs?: number
}

const IN_MEMORY = ":memory:"

/** "CWGW" in the file's header: what `file` and a curious program read it as. */
const APPLICATION_ID = 0x43574757

const LOCK_WAIT_MS = 5_000

export class Sqlite extends Context.Service<
  Sqlite,
  {
    readonly db: DatabaseSync
    /** Runs the effect alone on the connection: never inside a transaction of somebody else. */
    withLock<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
    /** As SqlClient's `withTransaction`, but fails at once if another process holds the write lock. */
    tryTransaction<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError, R>
    /** Against other processes, where `withLock` is against other fibers. */
    readonly writeLock: WriteLock
  }
>()("causeway/services/storage/Sqlite") {
  static readonly layer = (options: SqliteOptions): Layer.Layer<Sqlite | SqlClient.SqlClient, StartupError> =>
    Layer.effectContext(make(options)).pipe(Layer.provide(Reactivity.layer))

  /** Gone with its scope. For tests. */
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
  if (filename !== IN_MEMORY) yield* checkpointer(db, filename)
  const semaphore = Semaphore.makeUnsafe(1)
  const acquirers = SqlClient.makeSqliteAcquirers({
    connection: Effect.succeed(makeConnection(db)),
    semaphore,
    isTransaction: (connection) => connection.db.isTransaction,
  })
  const client = yield* SqlClient.make({
    ...acquirers,
    // Between two attempts of a statement the connection is free for others.
    borrower: (use) => writeLock.retry(acquirers.borrower(use), isBusy),
    compiler: makeCompilerSqlite(),
    driver: "sqlite-node",
    // A deferred transaction that comes to write gives up at once when the checkpointer is in the way.
    beginTransaction: "BEGIN IMMEDIATE",
    prepareTransactionControls: true,
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    spanAttributes: [["db.system.name", "sqlite"]],
  })
  const tryTransaction = client.withTransaction
  return Context.make(
    SqlClient.SqlClient,
    Object.assign(client, { withTransaction: waiting(tryTransaction, writeLock) }),
  ).pipe(Context.add(Sqlite, { db, withLock: (effect) => semaphore.withPermit(effect), tryTransaction, writeLock }))
})

/** Begins the transaction again while another process holds the write lock. Work that has begun is never run twice. */
const waiting =
  (
    tryTransaction: SqlClient.SqlClient["withTransaction"],
    writeLock: WriteLock,
  ): SqlClient.SqlClient["withTransaction"] =>
  (work) =>
    Effect.suspend(() => {
      let begun = false
      const attempt = tryTransaction(
        Effect.suspend(() => {
          begun = true
          writeLock.taken()
          return work
        }),
      )
      return writeLock.retry(attempt, (error) => !begun && isBusy(error))
    })

/**
 * Opens the file and writes to it once, so that one that cannot be written is known now and not at the first message.
 * SQLite itself never waits for a lock, as that would block the event loop: see WriteLock.ts.
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
