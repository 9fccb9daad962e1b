/**
 * Sqlite: the one connection to the gateway's database. Statements are synchronous, so fibers cannot meet on it. The modules
 * of this folder use it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { DatabaseSync } from "node:sqlite"
import type { GatewaySettings } from "../../../domain/GatewayConfig.ts"
import type { StartupError } from "../../../domain/StartupError.ts"
import { startCheckpointer } from "./Checkpointer.ts"
import { isBusy, toStartupError } from "./SqliteError.ts"
import * as WalSync from "./WalSync.ts"
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
    /** Write to it inside `Events.commit` only. */
    readonly db: DatabaseSync
    /** Waits for other processes. */
    readonly writeLock: WriteLock
    /** Brings commits to the disk. `undefined` with the durability `process`. */
    readonly wal: WalSync.WalSync | undefined
  }
>()("causeway/services/storage/Sqlite") {
  /** Opens the file, or fails with `StartupError`. Closes it with the scope. */
  static readonly layer = (options: SqliteOptions): Layer.Layer<Sqlite, StartupError> =>
    Layer.effect(Sqlite, make(options))

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
  const isDurable = filename !== IN_MEMORY && options.durability === "power"
  const synced = Effect.mapError(WalSync.make(db.location() ?? filename), (error) => toStartupError(error, filename))
  return Sqlite.of({ db, writeLock, wal: isDurable ? yield* synced : undefined })
})

/**
 * Opens the file and writes to it once, so that the start fails if the file is read-only, and not the first message. SQLite
 * itself never waits for a lock, because that would block the event loop: see WriteLock.
 */
const open = ({ filename }: SqliteOptions) =>
  Effect.suspend(() => {
    let db: DatabaseSync | undefined
    try {
      db = new DatabaseSync(filename, { timeout: 0 })
      db.exec("PRAGMA journal_mode = WAL")
      db.exec("PRAGMA synchronous = NORMAL")
      db.exec("PRAGMA temp_store = MEMORY")
      db.exec(`BEGIN IMMEDIATE; PRAGMA application_id = ${APPLICATION_ID}; COMMIT`)
      return Effect.succeed(db)
    } catch (error) {
      db?.close()
      return Effect.fail(error)
    }
  })
