/**
 * How events come into the log: what is committed within one turn of the event loop goes to disk as one transaction,
 * then becomes live in one step. The gate keeps the order: nothing is told between a transaction's commit and its
 * events. It does not know what is written.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { DatabaseSync } from "node:sqlite"
import type { KeptEvent, LiveEvent } from "../domain/Event.ts"
import { StorageUnavailable } from "../domain/Storage.ts"
import { Draft, type EventLog } from "./EventLog.ts"
import { Sqlite } from "./Sqlite.ts"
import { toStorageUnavailable } from "./SqliteError.ts"

/** What a change answers, and the events that tell of it (none: nothing happened). */
export type Change<A> = readonly [answer: A, events: ReadonlyArray<KeptEvent>]

type Failure = Exit.Exit<never, StorageUnavailable>

interface Commit {
  readonly _tag: "Commit"
  /** Runs the work and keeps its answer. */
  readonly run: () => ReadonlyArray<KeptEvent>
  /** Hands over the answer, or the failure. */
  readonly settle: (failure?: Failure) => void
  /** Its caller was interrupted before it began. */
  cancelled: boolean
}

/** Commits in one transaction: some milliseconds of work, which is what the event loop may wait for. */
const GROUP = 64

type Entry = Commit | { readonly _tag: "Live"; readonly event: LiveEvent }

const stopped = Exit.fail(new StorageUnavailable({ detail: "the gateway has stopped" }))

const failureOf = (error: unknown): Failure => {
  const unavailable = toStorageUnavailable(error)
  return unavailable === undefined ? Exit.die(error) : Exit.fail(unavailable)
}

export const makeWriter = Effect.fnUntraced(function* (log: EventLog) {
  const { db, withLock } = yield* Sqlite
  const sql = yield* SqlClient.SqlClient
  const clock = yield* Clock.Clock
  const runFork = Effect.runForkWith(yield* Effect.context())
  const gate = Semaphore.makeUnsafe(1)
  const begin = db.prepare("BEGIN IMMEDIATE")
  const commitGroup = db.prepare("COMMIT")
  const savepoint = db.prepare("SAVEPOINT work")
  const release = db.prepare("RELEASE work")
  const undo = db.prepare("ROLLBACK TO work")

  let pending: Array<Entry> = []
  let scheduled = false
  let closed = false

  const newDraft = () => new Draft(log, clock.currentTimeMillisUnsafe())

  const insert = (draft: Draft, events: ReadonlyArray<KeptEvent>) => {
    for (const event of events) log.table.insert(draft.add(event), event)
    if (log.table.shouldReserve(draft.seq)) log.table.reserve(draft.seq)
  }

  /** Under a savepoint: what one work does wrong is not the others' loss. Answers why it failed, if it did. */
  const apply = (commit: Commit, draft: Draft): Failure | undefined => {
    const { length } = draft.events
    const { state } = log.table
    savepoint.run()
    try {
      insert(draft, commit.run())
      release.run()
      return undefined
    } catch (error) {
      // A full or failing disk concerns the whole group, and SQLite may have rolled it back by now.
      if (!db.isTransaction || toStorageUnavailable(error) !== undefined) throw error
      undo.run()
      release.run()
      draft.truncate(length)
      log.table.restore(state)
      return Exit.die(error)
    }
  }

  const rollBack = () => {
    try {
      if (db.isTransaction) db.exec("ROLLBACK")
    } catch {
      // The next BEGIN will fail and say so; who waits now must not wait for ever.
    }
  }

  const writeGroup = (group: ReadonlyArray<Entry>, draft: Draft): Map<Commit, Failure> => {
    const failures = new Map<Commit, Failure>()
    const { state } = log.table
    try {
      begin.run()
      for (const entry of group) {
        if (entry._tag === "Live") draft.add(entry.event)
        else if (!entry.cancelled) {
          const failure = apply(entry, draft)
          if (failure !== undefined) failures.set(entry, failure)
        }
      }
      if (log.table.shouldReserve(draft.seq)) log.table.reserve(draft.seq)
      log.table.drop(draft.at, draft.events.length)
      commitGroup.run()
    } catch (error) {
      rollBack()
      log.table.restore(state)
      draft.truncate(0)
      const failure = failureOf(error)
      for (const entry of group) {
        if (entry._tag === "Commit") failures.set(entry, failure)
        // What is live only needs no disk, as long as positions are reserved.
        else if (log.table.reserved(draft.seq + 1)) draft.add(entry.event)
      }
    }
    return failures
  }

  const needsDisk = () =>
    pending.some((entry) => entry._tag === "Commit") || log.table.shouldReserve(log.head + pending.length)

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

  const flushNow = () => {
    const writes = needsDisk()
    const group = takeGroup()
    scheduled = false
    if (pending.length > 0) schedule()
    const draft = newDraft()
    let failures: Map<Commit, Failure> | undefined
    if (writes) failures = writeGroup(group, draft)
    else for (const entry of group) if (entry._tag === "Live") draft.add(entry.event)
    log.tell(draft.events)
    for (const entry of group) if (entry._tag === "Commit") entry.settle(failures?.get(entry))
  }

  // Live events do not wait for whoever has the connection.
  const flush = Effect.suspend(() => (needsDisk() ? withLock(Effect.sync(flushNow)) : Effect.sync(flushNow)))
  const flushInTurn = gate.withPermit(flush)

  const enqueue = (entry: Entry) => {
    pending.push(entry)
    schedule()
  }

  /** All that is pending, a group in each turn of the event loop. */
  const flushAll = Effect.andThen(
    flush,
    Effect.whileLoop({
      while: () => pending.length > 0,
      body: () => Effect.andThen(Effect.yieldNow, flush),
      step: () => undefined,
    }),
  )

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
  const insertAll = (draft: Draft, events: ReadonlyArray<KeptEvent>) =>
    Effect.suspend((): Failure | Effect.Effect<void> => {
      try {
        insert(draft, events)
        return Effect.void
      } catch (error) {
        return failureOf(error)
      }
    })

  const transact = <A, E, R>(work: Effect.Effect<Change<A>, E, R>): Effect.Effect<A, E | StorageUnavailable, R> =>
    outsideTransaction(
      gate.withPermit(
        Effect.uninterruptibleMask(
          Effect.fnUntraced(function* (restore) {
            if (closed) return yield* stopped
            yield* flushAll
            const { state } = log.table
            const draft = newDraft()
            const written = restore(Effect.mapError(work, workFailed)).pipe(
              Effect.flatMap(([answer, events]) => Effect.as(insertAll(draft, events), answer)),
            )
            const answer = yield* sql.withTransaction(written).pipe(
              Effect.onError(() => Effect.sync(() => log.table.restore(state))),
              Effect.catchTags({
                WorkFailed: ({ error }) => Effect.fail(error),
                SqlError: failureOf,
              }),
              // What is written on the raw handle throws.
              Effect.catchDefect(failureOf),
            )
            log.tell(draft.events)
            return answer
          }),
        ),
      ),
    )

  /** Writes what is pending and gives back the positions that were only reserved. */
  const close = gate.withPermit(
    withLock(
      Effect.sync(() => {
        do flushNow()
        while (pending.length > 0)
        closed = true
        log.table.release(log.head)
      }),
    ),
  )

  return { commit, transact, live, close }
})

/** Keeps the work's own errors apart from those of BEGIN and COMMIT. */
const workFailed = <E>(error: E) => ({ _tag: "WorkFailed" as const, error })
