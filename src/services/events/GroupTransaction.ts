/**
 * GroupTransaction: writes a group of commits and live events as one transaction of SQLite. GroupCommit decides which
 * writes form a group and when it is written.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { DatabaseSync } from "node:sqlite"
import { StorageUnavailable } from "../../domain/Storage.ts"
import { isBusy, toStorageUnavailable } from "../storage/SqliteError.ts"
import type { Change, Tx } from "../storage/Tx.ts"
import type { WriteLock } from "../storage/WriteLock.ts"
import type { EventLog, PendingBatch } from "./EventLog.ts"
import { hasCommit, type PendingCommit, type PendingWrite } from "./PendingWrites.ts"

/** How each commit of a group ended. A commit that was cancelled is missing. */
export type Exits = Map<PendingCommit, Exit.Exit<unknown, unknown>>

interface Dependencies {
  readonly log: EventLog
  readonly db: DatabaseSync
  readonly writeLock: WriteLock
  readonly context: Context.Context<Tx>
  /** Receives the name of a work that has blocked the event loop for longer than `SLOW_MS`. */
  readonly onSlow: (name: string, ms: number) => void
}

/** Every other commit waits for a work, and so does the event loop. */
const SLOW_MS = 50

export class GroupTransaction {
  readonly #log: EventLog
  readonly #db: DatabaseSync
  readonly #writeLock: WriteLock
  readonly #onSlow: Dependencies["onSlow"]
  readonly #run: <A, E>(work: Effect.Effect<A, E, Tx>) => Exit.Exit<A, E>
  readonly #statements: ReturnType<typeof prepare>

  constructor({ context, db, log, onSlow, writeLock }: Dependencies) {
    this.#log = log
    this.#db = db
    this.#writeLock = writeLock
    this.#onSlow = onSlow
    this.#run = Effect.runSyncExitWith(context)
    this.#statements = prepare(db)
  }

  /**
   * Writes the group and fills the batch with the events to publish. Returns "held" and does nothing if another process
   * holds the write lock and the group has a commit.
   */
  write(group: ReadonlyArray<PendingWrite>, batch: PendingBatch): Exits | "held" {
    const { store } = this.#log
    const { state } = store
    let hasBegun = false
    try {
      this.#statements.begin.run()
      hasBegun = true
      this.#writeLock.onAcquired()
      const exits = this.#applyAll(group, batch)
      if (store.shouldReserve(batch.seq)) store.reserve(batch.seq)
      store.dropOld(batch.at, batch.events.length)
      this.#statements.commit.run()
      return exits
    } catch (error) {
      if (!hasBegun && isBusy(error) && hasCommit(group)) return "held"
      this.#rollBack()
      store.restore(state)
      return this.#failAll(group, batch, failureOf(error))
    }
  }

  #applyAll(group: ReadonlyArray<PendingWrite>, batch: PendingBatch): Exits {
    const exits: Exits = new Map()
    for (const write of group) {
      if (write._tag === "Live") batch.add(write.event)
      else if (!write.isCancelled) exits.set(write, this.#apply(write, batch))
    }
    return exits
  }

  /** Runs one work under a savepoint, so that its failure or defect undoes its own writes only. */
  #apply({ name, work }: PendingCommit, batch: PendingBatch): Exit.Exit<unknown, unknown> {
    const { length } = batch.events
    const { state } = this.#log.store
    const begunAt = performance.now()
    this.#statements.savepoint.run()
    const done = this.#run(work)
    const exit = Exit.isSuccess(done) ? this.#insert(batch, done.value) : done
    if (Exit.isFailure(exit)) {
      stop(exit.cause)
      const unavailable = unavailableIn(exit.cause)
      // A full or failing disk concerns the whole group, and SQLite may have rolled the transaction back already.
      if (unavailable !== undefined || !this.#db.isTransaction) throw unavailable ?? Cause.squash(exit.cause)
      this.#statements.undo.run()
      batch.truncate(length)
      this.#log.store.restore(state)
    }
    this.#statements.release.run()
    const ms = performance.now() - begunAt
    if (ms > SLOW_MS) this.#onSlow(name, ms)
    return exit
  }

  /** Adds the events to the batch and inserts their rows. */
  #insert(batch: PendingBatch, [answer, events]: Change<unknown>): Exit.Exit<unknown> {
    const { store } = this.#log
    try {
      for (const event of events) store.insert(batch.add(event), event)
      if (store.shouldReserve(batch.seq)) store.reserve(batch.seq)
      return Exit.succeed(answer)
    } catch (error) {
      return Exit.die(error)
    }
  }

  /** Fails every commit. Live events need no disk as long as positions are reserved, so they stay in the batch. */
  #failAll(
    group: ReadonlyArray<PendingWrite>,
    batch: PendingBatch,
    failure: Exit.Exit<never, StorageUnavailable>,
  ): Exits {
    const exits: Exits = new Map()
    batch.truncate(0)
    for (const write of group) {
      if (write._tag === "Commit") exits.set(write, failure)
      else if (this.#log.store.isReserved(batch.seq + 1)) batch.add(write.event)
    }
    return exits
  }

  #rollBack(): void {
    try {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK")
    } catch {
      // The next BEGIN fails and reports the problem. The callers of this group must get their answer now.
    }
  }
}

/** Returns `StorageUnavailable` for errors of the disk or the file, and a defect for all others. */
const failureOf = (error: unknown): Exit.Exit<never, StorageUnavailable> => {
  const unavailable = error instanceof StorageUnavailable ? error : toStorageUnavailable(error)
  return unavailable === undefined ? Exit.die(error) : Exit.fail(unavailable)
}

/** Interrupts a work that waits for something other than the database, so that it writes nothing later. */
const stop = (cause: Cause.Cause<unknown>): void => {
  for (const reason of cause.reasons) {
    if (Cause.isDieReason(reason) && Cause.isAsyncFiberError(reason.defect)) reason.defect.fiber.interruptUnsafe()
  }
}

/** Returns the error of the disk or the file with which a work has ended. */
const unavailableIn = (cause: Cause.Cause<unknown>): StorageUnavailable | undefined => {
  for (const reason of cause.reasons) {
    if (Cause.isFailReason(reason) && reason.error instanceof StorageUnavailable) return reason.error
    if (Cause.isDieReason(reason)) return toStorageUnavailable(reason.defect)
  }
  return undefined
}

const prepare = (db: DatabaseSync) => ({
  begin: db.prepare("BEGIN IMMEDIATE"),
  commit: db.prepare("COMMIT"),
  savepoint: db.prepare("SAVEPOINT work"),
  release: db.prepare("RELEASE work"),
  undo: db.prepare("ROLLBACK TO work"),
})
