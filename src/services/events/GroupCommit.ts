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
import type * as Fiber from "effect/Fiber"
import type { LiveEvent } from "../../domain/Event.ts"
import { StorageUnavailable } from "../../domain/Storage.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { toStorageUnavailable } from "../storage/SqliteError.ts"
import { type Stores, Tx, type Work } from "../storage/Tx.ts"
import { type EventLog, PendingBatch } from "./EventLog.ts"
import { GroupTransaction } from "./GroupTransaction.ts"
import { type PendingCommit, type PendingWrite, PendingWrites } from "./PendingWrites.ts"

/** Between two attempts to close while another process holds the write lock. */
const CLOSE_PAUSE = "25 millis"

const stopped = Exit.fail(new StorageUnavailable({ detail: "the gateway has stopped" }))

/** Another process holds the write lock. The writes are still pending. */
class LockHeld extends Data.TaggedError("LockHeld") {}

interface Dependencies {
  readonly log: EventLog
  readonly sqlite: Sqlite["Service"]
  readonly clock: Clock.Clock
  readonly context: Context.Context<Tx>
  readonly runFork: (effect: Effect.Effect<unknown>) => void
}

export const makeGroupCommit = Effect.fnUntraced(function* (log: EventLog, stores: Stores) {
  const context = yield* Effect.context()
  const runFork = Effect.runForkWith(context)
  const sqlite = yield* Sqlite
  return new GroupCommit({ log, sqlite, clock: yield* Clock.Clock, context: Context.add(context, Tx, stores), runFork })
})

class GroupCommit {
  readonly #log: EventLog
  readonly #sqlite: Sqlite["Service"]
  readonly #clock: Clock.Clock
  readonly #runFork: Dependencies["runFork"]
  readonly #transaction: GroupTransaction
  readonly #pending = new PendingWrites()
  /** A flush comes, in this event-loop turn or after the pause of a retry. */
  #isScheduled = false
  #isRetrying = false
  #isClosed = false

  constructor({ clock, context, log, runFork, sqlite }: Dependencies) {
    this.#log = log
    this.#sqlite = sqlite
    this.#clock = clock
    this.#runFork = runFork
    const onSlow = (name: string, ms: number) =>
      runFork(Effect.logWarning(`a change of ${name} held up all others for ${Math.round(ms)} ms`))
    this.#transaction = new GroupTransaction({ log, db: sqlite.db, writeLock: sqlite.writeLock, context, onSlow })
  }

  /** Queues a live event. Drops it once the gateway has stopped. */
  publishLive(event: LiveEvent): void {
    if (!this.#isClosed) this.#enqueue({ _tag: "Live", event })
  }

  /** See `Events.commit`. */
  commit<A, E>(work: Work<A, E>): Effect.Effect<A, E | StorageUnavailable> {
    return Effect.withFiber((caller) =>
      Effect.callback<A, E | StorageUnavailable>((resume) => {
        if (this.#isClosed) return resume(stopped)
        const commit: PendingCommit = {
          _tag: "Commit",
          name: nameOf(caller),
          work,
          // The exit is that of `work`.
          settle: (exit) => resume(exit as Exit.Exit<A, E | StorageUnavailable>),
          isCancelled: false,
        }
        this.#enqueue(commit)
        return Effect.sync(() => {
          commit.isCancelled = true
        })
      }),
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
    setImmediate(() => this.#runFork(this.#flush))
  }

  #newBatch(): PendingBatch {
    return new PendingBatch(this.#log, this.#clock.currentTimeMillisUnsafe())
  }

  #needsDisk(): boolean {
    return this.#pending.hasCommit || this.#log.store.shouldReserve(this.#log.head + this.#pending.length)
  }

  readonly #flush = Effect.sync(() => this.#flushNow())

  /** Writes and publishes one group. Returns false if another process holds the write lock. */
  #flushNow(): boolean {
    const needsDisk = this.#needsDisk()
    const group = this.#pending.takeGroup()
    const batch = this.#newBatch()
    const exits = needsDisk ? this.#transaction.write(group, batch) : undefined
    if (exits === "held") {
      this.#retryLater(group)
      return false
    }
    this.#isScheduled = false
    if (this.#pending.length > 0) this.#schedule()
    if (!needsDisk) for (const write of group) if (write._tag === "Live") batch.add(write.event)
    this.#log.publish(batch.events)
    if (exits !== undefined) for (const [commit, exit] of exits) commit.settle(exit)
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

  readonly #retry = Effect.sync(() => {
    this.#isRetrying = false
    this.#flushNow()
  })

  readonly #tryClose = Effect.suspend(() => {
    do if (!this.#flushNow()) return Effect.fail(new LockHeld())
    while (this.#pending.length > 0)
    this.#isClosed = true
    this.#releasePositions()
    return Effect.void
  })

  /** Releases reserved positions. If the disk fails, they stay reserved and the next start skips them. */
  #releasePositions(): void {
    try {
      this.#log.store.release(this.#log.head)
    } catch (error) {
      if (toStorageUnavailable(error) === undefined) throw error
    }
  }
}

/** Returns the name of the span in which a fiber is, which is that of a service's method. */
const nameOf = ({ cache: { span } }: Fiber.Fiber<unknown, unknown>): string =>
  span?._tag === "Span" ? span.name : "the gateway"
