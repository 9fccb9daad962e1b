/**
 * How events come into the log: what is committed within one turn of the event loop goes to disk as one transaction,
 * then becomes live in one step. The gate keeps the order: nothing is told between a transaction's commit and its
 * events. While another process holds the write lock, everything pending waits in its order; see WriteLock.ts.
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
import { PendingBatch, type EventLog } from "./EventLog.ts"
import { type Commit, type Entry, type Failure, failureOf, hasCommit, insert, makeGroupWriter } from "./EventGroup.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { isBusy, toStorageUnavailable } from "../storage/SqliteError.ts"

/** What a change answers, and the events that tell of it (none: nothing happened). */
export type Change<A> = readonly [answer: A, events: ReadonlyArray<KeptEvent>]

/** Commits in one transaction: some milliseconds of work, which is what the event loop may wait for. */
const GROUP = 64

/** Before another attempt to close while another process holds the write lock. */
const CLOSE_PAUSE = "25 millis"

const stopped = Exit.fail(new StorageUnavailable({ detail: "the gateway has stopped" }))

/** Another process holds the write lock: what was to be written is still pending, or was not begun. */
class LockHeld extends Data.TaggedError("LockHeld") {}

const isLockHeld = (error: unknown) => error instanceof LockHeld

export const makeWriter = Effect.fnUntraced(function* (log: EventLog) {
  const { db, tryTransaction, withLock, writeLock } = yield* Sqlite
  const sql = yield* SqlClient.SqlClient
  const clock = yield* Clock.Clock
  const runFork = Effect.runForkWith(yield* Effect.context())
  const gate = Semaphore.makeUnsafe(1)
  const writeGroup = makeGroupWriter(log, db, writeLock)

  let pending: Array<Entry> = []
  let scheduled = false
  /** An attempt to write what waits for the write lock is due. */
  let retrying = false
  let closed = false

  const newDraft = () => new PendingBatch(log, clock.currentTimeMillisUnsafe())

  const needsDisk = () => hasCommit(pending) || log.table.shouldReserve(log.head + pending.length)

  /** What is pending, up to as many commits as go in one transaction. */
  const takeGroup = (): ReadonlyArray<Entry> => {
    let commits = 0
    const end = pending.findIndex((entry) => entry._tag === "Commit" && ++commits > GROUP)
    const group = end < 0 ? pending : pending.slice(0, end)
    pending = end < 0 ? [] : pending.slice(end)
    return group
  }

  const schedule = () => {
    if (scheduled) return
    scheduled = true
    setImmediate(() => runFork(flushInTurn))
  }

  /** Puts the group back, in its place, until the next attempt. Commits that have waited for the limit fail. */
  const waitWith = (group: ReadonlyArray<Entry>) => {
    const now = clock.currentTimeMillisUnsafe()
    const pause = writeLock.foundHeld(now)
    const expired: Array<Commit> = []
    pending = [...group, ...pending].filter((entry) => {
      if (entry._tag === "Live") return true
      if (entry.cancelled) return false
      entry.deadline ??= now + writeLock.limitMs
      if (now < entry.deadline) return true
      expired.push(entry)
      return false
    })
    scheduled = true
    if (!retrying) {
      retrying = true
      runFork(Effect.andThen(Effect.sleep(pause), retry))
    }
    for (const entry of expired) entry.settle(Exit.fail(writeLock.gaveUp()))
  }

  /** Returns false if another process holds the write lock. */
  const flushNow = (): boolean => {
    const writes = needsDisk()
    const group = takeGroup()
    const draft = newDraft()
    const failures = writes ? writeGroup(group, draft) : undefined
    if (failures === "held") {
      waitWith(group)
      return false
    }
    scheduled = false
    if (pending.length > 0) schedule()
    if (!writes) for (const entry of group) if (entry._tag === "Live") draft.add(entry.event)
    log.publish(draft.events)
    for (const entry of group) if (entry._tag === "Commit") entry.settle(failures?.get(entry))
    return true
  }

  // Live events do not wait for whoever has the connection.
  const flush = Effect.suspend(() => (needsDisk() ? withLock(Effect.sync(flushNow)) : Effect.sync(flushNow)))
  const flushInTurn = gate.withPermit(flush)
  const retry = Effect.suspend(() => {
    retrying = false
    return flushInTurn
  })

  const enqueue = (entry: Entry) => {
    pending.push(entry)
    schedule()
  }

  /** All that is pending, a group in each turn of the event loop. */
  const flushAll = Effect.gen(function* () {
    while (true) {
      if (!(yield* flush)) return yield* new LockHeld()
      if (pending.length === 0) return
      yield* Effect.yieldNow
    }
  })

  const live = (event: LiveEvent): void => {
    if (!closed) enqueue({ _tag: "Live", event })
  }

  /** A commit waits for the transaction around it, which waits for the commit. */
  const outsideTransaction = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) =>
      Context.getOrUndefined(fiber.context, sql.transactionService) === undefined
        ? effect
        : Effect.die(new Error("events are committed outside of transactions, or by `transact`")),
    )

  const commit = <A>(work: (db: DatabaseSync) => Change<A>): Effect.Effect<A, StorageUnavailable> =>
    outsideTransaction(
      Effect.callback<A, StorageUnavailable>((resume) => {
        if (closed) return resume(stopped)
        let answer: Exit.Exit<A> | undefined
        const entry: Commit = {
          _tag: "Commit",
          run: () => {
            const [value, events] = work(db)
            answer = Exit.succeed(value)
            return events
          },
          settle: (failure) => {
            const outcome = failure ?? answer
            if (outcome !== undefined) resume(outcome)
          },
          cancelled: false,
        }
        enqueue(entry)
        return Effect.sync(() => {
          entry.cancelled = true
        })
      }),
    )

  /** Within the transaction of `transact`, after its work. */
  const insertAll = (draft: PendingBatch, events: ReadonlyArray<KeptEvent>) =>
    Effect.suspend((): Failure | Effect.Effect<void> => {
      try {
        insert(log, draft, events)
        return Effect.void
      } catch (error) {
        return failureOf(error)
      }
    })

  /** One attempt. Neither the gate nor the connection is held between two. */
  const tryTransact = <A, E, R>(work: Effect.Effect<Change<A>, E, R>) =>
    gate.withPermit(
      Effect.uninterruptibleMask(
        Effect.fnUntraced(function* (restore) {
          if (closed) return yield* stopped
          yield* flushAll
          const { state } = log.table
          const draft = newDraft()
          let begun = false
          const written = Effect.suspend(() => {
            begun = true
            writeLock.taken()
            return restore(Effect.mapError(work, workFailed))
          }).pipe(Effect.flatMap(([answer, events]) => Effect.as(insertAll(draft, events), answer)))
          const answer = yield* tryTransaction(written).pipe(
            Effect.onError(() => Effect.sync(() => log.table.restore(state))),
            Effect.catchTags({
              WorkFailed: ({ error }) => Effect.fail(error),
              SqlError: (error) => (!begun && isBusy(error) ? Effect.fail(new LockHeld()) : failureOf(error)),
            }),
            // What is written on the raw handle throws.
            Effect.catchDefect(failureOf),
          )
          log.publish(draft.events)
          return answer
        }),
      ),
    )

  const transact = <A, E, R>(work: Effect.Effect<Change<A>, E, R>): Effect.Effect<A, E | StorageUnavailable, R> =>
    outsideTransaction(
      Effect.mapError(writeLock.retry(tryTransact(work), isLockHeld), (error) =>
        error instanceof LockHeld ? writeLock.gaveUp() : error,
      ),
    )

  /** Positions that stay reserved are skipped by the next start. */
  const giveBack = () => {
    try {
      log.table.release(log.head)
    } catch (error) {
      if (toStorageUnavailable(error) === undefined) throw error
    }
  }

  const tryClose = gate.withPermit(
    withLock(
      Effect.suspend(() => {
        do if (!flushNow()) return Effect.fail(new LockHeld())
        while (pending.length > 0)
        closed = true
        giveBack()
        return Effect.void
      }),
    ),
  )

  /** Writes what is pending, or lets it fail, and gives back the positions that were only reserved. */
  const close = Effect.eventually(Effect.tapError(tryClose, () => Effect.sleep(CLOSE_PAUSE)))

  return { commit, transact, live, close }
})

/** Keeps the work's own errors apart from those of BEGIN and COMMIT. */
const workFailed = <E>(error: E) => ({ _tag: "WorkFailed" as const, error })
