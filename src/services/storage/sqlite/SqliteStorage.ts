/**
 * SqliteStorage: the storage of one process in a SQLite database. A write returns when its group is on the disk, and reads
 * wait for that, too: they share its connection, and would see changes that may be undone. Database provides it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { GatewayConfig } from "../../../domain/GatewayConfig.ts"
import type { StartupError } from "../../../domain/StartupError.ts"
import { Sqlite } from "./Sqlite.ts"
import { isBusy, toStartupError } from "./SqliteError.ts"
import { retentionOf, Storage, StorageBusy } from "../Storage.ts"
import { Tx } from "../Tx.ts"
import { EventRows } from "./EventRows.ts"
import { GroupTransaction } from "./GroupTransaction.ts"
import { sqliteStores } from "./SqliteStores.ts"
import { step } from "./Step.ts"

/** More reads at once than there can be. */
const READS = 1_000_000

const make = Effect.gen(function* () {
  const retention = retentionOf((yield* GatewayConfig).events)
  const { db, wal, writeLock } = yield* Sqlite
  const clock = yield* Clock.Clock
  const context = yield* Effect.context()
  const runFork = Effect.runForkWith(context)
  const open = Effect.try({ try: () => new EventRows(db, retention), catch: (error) => error })
  const events = yield* Effect.mapError(writeLock.retry(open, isBusy), (error) =>
    toStartupError(error, db.location() ?? "in memory"),
  )
  const stores = sqliteStores(db)
  const transaction = new GroupTransaction({
    db,
    events,
    context: Context.add(context, Tx, stores),
    onBegun: writeLock.onAcquired,
    onSlow: (name, ms) => runFork(Effect.logWarning(`a change of ${name} held up all others for ${Math.round(ms)} ms`)),
  })
  /** Each read takes a permit, and a group takes all. */
  const permits = Semaphore.makeUnsafe(READS)
  // SQLite changes this number with every commit of another connection, but not with ours.
  const dataVersion = db.prepare("PRAGMA data_version")
  const readVersion = () => dataVersion.get()?.["data_version"]
  // The caches load their rows later, so they do not have to load them again.
  let seenVersion = readVersion()

  return Storage.of({
    epoch: events.epoch,
    newest: events.state.newest,
    dropped: () => events.state.dropped,
    write: (group, { at }) =>
      permits.withPermits(READS)(
        Effect.flatMap(transaction.write(group, at), (exits): ReturnType<Storage["Service"]["write"]> => {
          if (exits !== "held") return wal === undefined ? Effect.succeed(exits) : Effect.as(wal.sync, exits)
          const { limitMs, onHeld, timeoutError } = writeLock
          const pauseMs = onHeld(clock.currentTimeMillisUnsafe())
          return Effect.fail(new StorageBusy({ pauseMs, limitMs, failure: timeoutError() }))
        }),
      ),
    page: (sessionKey, cursor, head, limit) => step(() => events.page(sessionKey, cursor, head, limit)),
    isOverdue: (now) => events.isOverdue(now),
    read: (look) => {
      const found = Effect.provideService(look, Tx, stores)
      return permits.withPermit(wal === undefined ? found : Effect.andThen(wal.settled, found))
    },
    problem: writeLock.problem,
    // The lock of the state folder keeps other gateways away.
    lost: wal === undefined ? Effect.never : wal.failed,
    changedByOthers: step(() => {
      const version = readVersion()
      const isChanged = version !== seenVersion
      seenVersion = version
      return isChanged
    }),
  })
})

export const layer: Layer.Layer<Storage, StartupError, GatewayConfig | Sqlite> = Layer.effect(Storage, make)
