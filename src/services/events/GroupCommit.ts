/**
 * GroupCommit: writes to the event log. All commits and live events of one event-loop turn go to disk as one transaction
 * and become live in one step. While another process holds the write lock, all of them wait in their order. Events uses
 * this module.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { DatabaseSync } from "node:sqlite"
import type { KeptEvent, LiveEvent } from "../../domain/Event.ts"
import { StorageUnavailable } from "../../domain/Storage.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { isBusy, toStorageUnavailable } from "../storage/SqliteError.ts"
import { type EventLog, PendingBatch } from "./EventLog.ts"
import { failureOf, GroupTransaction, insert } from "./GroupTransaction.ts"
import { type Change, type Failure, makeCommit, type PendingWrite, PendingWrites } from "./PendingWrites.ts"

/** Between two attempts to close while another process holds the write lock. */
const CLOSE_PAUSE = "25 millis"

const stopped = Exit.fail(new StorageUnavailable({ detail: "the gateway has stopped" }))

/** Another process holds the write lock. The writes are still pending, or have not begun. */
class LockHeld extends Data.TaggedError("LockHeld") {}

const isLockHeld = (error: unknown) => error instanceof LockHeld

interface Dependencies {
  readonly log: EventLog
  readonly sqlite: Sqlite["Service"]
  readonly sql: SqlClient.SqlClient
  readonly clock: Clock.Clock
  readonly runFork: (effect: Effect.Effect<unknown>) => void
}

export const makeGroupCommit = Effect.fnUntraced(function* (log: EventLog) {
  const runFork = Effect.runForkWith(yield* Effect.context())
  return new GroupCommit({
    log,
    sqlite: yield* Sqlite,
    sql: yield* SqlClient.SqlClient,
    clock: yield* Clock.Clock,
    runFork,
  })
})

class GroupCommit {
  readonly #log: EventLog
  readonly #sqlite: Sqlite["Service"]
  readonly #sql: SqlClient.SqlClient
  readonly #clock: Clock.Clock
  readonly #runFork: Dependencies["runFork"]
  readonly #transaction: GroupTransaction
  readonly #pending = new PendingWrites()
  /** Keeps the order: nothing is published between the COMMIT of a transaction and its events. */
  readonly #gate = Semaphore.makeUnsafe(1)
  /** A flush comes, in this event-loop turn or after the pause of a retry. */
  #isScheduled = false
  #isRetrying = false
  #isClosed = false

  constructor({ clock, log, runFork, sql, sqlite }: Dependencies) {
    this.#log = log
    this.#sqlite = sqlite
    this.#sql = sql
    this.#clock = clock
    this.#runFork = runFork
    this.#transaction = new GroupTransaction(log, sqlite.db, sqlite.writeLock)
  }

  /** Queues a live event. Drops it once the gateway has stopped. */
  publishLive(event: LiveEvent): void {
    if (!this.#isClosed) this.#enqueue({ _tag: "Live", event })
  }

  /** See `Events.commit`. */
  commit<A>(work: (db: DatabaseSync) => Change<A>): Effect.Effect<A, StorageUnavailable> {
    return this.#outsideTransaction(
      Effect.callback<A, StorageUnavailable>((resume) => {
        if (this.#isClosed) return resume(stopped)
        const commit = makeCommit(() => work(this.#sqlite.db), resume)
        this.#enqueue(commit)
        return Effect.sync(() => {
          commit.isCancelled = true
        })
      }),
    )
  }

  /** See `Events.transact`. */
  transact<A, E, R>(work: Effect.Effect<Change<A>, E, R>): Effect.Effect<A, E | StorageUnavailable, R> {
    const { writeLock } = this.#sqlite
    return this.#outsideTransaction(
      Effect.mapError(writeLock.retry(this.#tryTransact(work), isLockHeld), (error) =>
        error instanceof LockHeld ? writeLock.timeoutError() : error,
      ),
    )
  }

  /** Writes or fails everything that is pending, and releases reserved positions that no event has taken. */
  readonly close: Effect.Effect<void> = Effect.suspend(() =>
    Effect.eventually(Effect.tapError(this.#tryClose, () => Effect.sleep(CLOSE_PAUSE))),
  )

  #enqueue(write: PendingWrite): void {
    this.#pending.push(write)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#runFork(this.#flushInTurn))
  }

  #newBatch(): PendingBatch {
    return new PendingBatch(this.#log, this.#clock.currentTimeMillisUnsafe())
  }

  #needsDisk(): boolean {
    return this.#pending.hasCommit || this.#log.store.shouldReserve(this.#log.head + this.#pending.length)
  }

  /** Writes and publishes one group. Returns false if another process holds the write lock. */
  #flushNow(): boolean {
    const needsDisk = this.#needsDisk()
    const group = this.#pending.takeGroup()
    const batch = this.#newBatch()
    const failures = needsDisk ? this.#transaction.write(group, batch) : undefined
    if (failures === "held") {
      this.#retryLater(group)
      return false
    }
    this.#isScheduled = false
    if (this.#pending.length > 0) this.#schedule()
    if (!needsDisk) for (const write of group) if (write._tag === "Live") batch.add(write.event)
    this.#log.publish(batch.events)
    for (const write of group) if (write._tag === "Commit") write.settle(failures?.get(write))
    return true
  }

  /** Puts the group back until the next attempt. Fails commits that have waited for the limit. */
  #retryLater(group: ReadonlyArray<PendingWrite>): void {
    const { writeLock } = this.#sqlite
    const now = this.#clock.currentTimeMillisUnsafe()
    const pause = writeLock.onHeld(now)
    const expired = this.#pending.putBack(group, now, writeLock.limitMs)
    this.#isScheduled = true
    if (!this.#isRetrying) {
      this.#isRetrying = true
      this.#runFork(Effect.andThen(Effect.sleep(pause), this.#retry))
    }
    for (const commit of expired) commit.settle(Exit.fail(writeLock.timeoutError()))
  }

  /** Takes the connection only if the group needs the disk: live events do not wait for a transaction's statements. */
  readonly #flush = Effect.suspend(() => {
    const flush = Effect.sync(() => this.#flushNow())
    return this.#needsDisk() ? this.#sqlite.withLock(flush) : flush
  })

  readonly #flushInTurn = this.#gate.withPermit(this.#flush)

  readonly #retry = Effect.suspend(() => {
    this.#isRetrying = false
    return this.#flushInTurn
  })

  /** Writes everything that is pending, one group in each event-loop turn. */
  #flushAll(): Effect.Effect<void, LockHeld> {
    return Effect.gen({ self: this }, function* () {
      while (true) {
        if (!(yield* this.#flush)) return yield* new LockHeld()
        if (this.#pending.length === 0) return
        yield* Effect.yieldNow
      }
    })
  }

  /** Dies inside a transaction: the commit would wait for the transaction, and the transaction for the commit. */
  #outsideTransaction<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.withFiber((fiber) =>
      Context.getOrUndefined(fiber.context, this.#sql.transactionService) === undefined
        ? effect
        : Effect.die(new Error("Events.commit was called inside a transaction. Use Events.transact instead")),
    )
  }

  /** Makes one attempt. The gate and the connection are free between two attempts. */
  #tryTransact<A, E, R>(work: Effect.Effect<Change<A>, E, R>) {
    const attempt = Effect.fnUntraced(
      { self: this },
      function* (restore: <B, F, S>(effect: Effect.Effect<B, F, S>) => Effect.Effect<B, F, S>) {
        if (this.#isClosed) return yield* stopped
        yield* this.#flushAll()
        const { state } = this.#log.store
        const batch = this.#newBatch()
        let hasBegun = false
        const written = Effect.suspend(() => {
          hasBegun = true
          this.#sqlite.writeLock.onAcquired()
          return restore(Effect.mapError(work, workFailed))
        }).pipe(Effect.flatMap(([answer, events]) => Effect.as(this.#insert(batch, events), answer)))
        const answer = yield* this.#sqlite.tryTransaction(written).pipe(
          Effect.onError(() => Effect.sync(() => this.#log.store.restore(state))),
          Effect.catchTags({
            WorkFailed: ({ error }) => Effect.fail(error),
            SqlError: (error) => (!hasBegun && isBusy(error) ? Effect.fail(new LockHeld()) : failureOf(error)),
          }),
          // Writes on the raw handle throw.
          Effect.catchDefect(failureOf),
        )
        this.#log.publish(batch.events)
        return answer
      },
    )
    return this.#gate.withPermit(Effect.uninterruptibleMask(attempt))
  }

  /** Inserts the events in the transaction of `transact`, after its work. */
  #insert(batch: PendingBatch, events: ReadonlyArray<KeptEvent>): Effect.Effect<void, StorageUnavailable> {
    return Effect.suspend((): Failure | Effect.Effect<void> => {
      try {
        insert(this.#log, batch, events)
        return Effect.void
      } catch (error) {
        return failureOf(error)
      }
    })
  }

  readonly #tryClose = this.#gate.withPermit(
    Effect.suspend(() =>
      this.#sqlite.withLock(
        Effect.suspend(() => {
          do if (!this.#flushNow()) return Effect.fail(new LockHeld())
          while (this.#pending.length > 0)
          this.#isClosed = true
          this.#releasePositions()
          return Effect.void
        }),
      ),
    ),
  )

  /** Releases reserved positions. If the disk fails, they stay reserved and the next start skips them. */
  #releasePositions(): void {
    try {
      this.#log.store.release(this.#log.head)
    } catch (error) {
      if (toStorageUnavailable(error) === undefined) throw error
    }
  }
}

/** Keeps errors of the work apart from errors of BEGIN and COMMIT. */
const workFailed = <E>(error: E) => ({ _tag: "WorkFailed" as const, error })
