/**
 * GroupTransaction: writes a group of commits and live events as one transaction of SQLite. GroupCommit decides which
 * writes form a group and when it is written.
 */
import * as Exit from "effect/Exit"
import type { DatabaseSync } from "node:sqlite"
import type { KeptEvent } from "../../domain/Event.ts"
import { isBusy, toStorageUnavailable } from "../storage/SqliteError.ts"
import type { WriteLock } from "../storage/WriteLock.ts"
import type { EventLog, PendingBatch } from "./EventLog.ts"
import { type Failure, hasCommit, type PendingCommit, type PendingWrite } from "./PendingWrites.ts"

/** Returns `StorageUnavailable` for errors of the disk or the file, and a defect for all others. */
export const failureOf = (error: unknown): Failure => {
  const unavailable = toStorageUnavailable(error)
  return unavailable === undefined ? Exit.die(error) : Exit.fail(unavailable)
}

/** Adds the events to the batch and inserts their rows in the open transaction. */
export const insert = (log: EventLog, batch: PendingBatch, events: ReadonlyArray<KeptEvent>): void => {
  for (const event of events) log.store.insert(batch.add(event), event)
  if (log.store.shouldReserve(batch.seq)) log.store.reserve(batch.seq)
}

export class GroupTransaction {
  readonly #log: EventLog
  readonly #db: DatabaseSync
  readonly #writeLock: WriteLock
  readonly #statements: ReturnType<typeof prepare>

  constructor(log: EventLog, db: DatabaseSync, writeLock: WriteLock) {
    this.#log = log
    this.#db = db
    this.#writeLock = writeLock
    this.#statements = prepare(db)
  }

  /**
   * Writes the group and fills the batch with the events to publish. Returns the failed commits. Returns "held" and does
   * nothing if another process holds the write lock and the group has a commit.
   */
  write(group: ReadonlyArray<PendingWrite>, batch: PendingBatch): Map<PendingCommit, Failure> | "held" {
    const { store } = this.#log
    const { state } = store
    let hasBegun = false
    try {
      this.#statements.begin.run()
      hasBegun = true
      this.#writeLock.onAcquired()
      const failures = this.#applyAll(group, batch)
      if (store.shouldReserve(batch.seq)) store.reserve(batch.seq)
      store.dropOld(batch.at, batch.events.length)
      this.#statements.commit.run()
      return failures
    } catch (error) {
      if (!hasBegun && isBusy(error) && hasCommit(group)) return "held"
      this.#rollBack()
      store.restore(state)
      return this.#failAll(group, batch, failureOf(error))
    }
  }

  #applyAll(group: ReadonlyArray<PendingWrite>, batch: PendingBatch): Map<PendingCommit, Failure> {
    const failures = new Map<PendingCommit, Failure>()
    for (const write of group) {
      if (write._tag === "Live") batch.add(write.event)
      else if (!write.isCancelled) {
        const failure = this.#apply(write, batch)
        if (failure !== undefined) failures.set(write, failure)
      }
    }
    return failures
  }

  /** Runs one commit under a savepoint, so that its defect undoes its own writes only. Returns the failure, if any. */
  #apply(commit: PendingCommit, batch: PendingBatch): Failure | undefined {
    const { length } = batch.events
    const { state } = this.#log.store
    this.#statements.savepoint.run()
    try {
      insert(this.#log, batch, commit.run())
      this.#statements.release.run()
      return undefined
    } catch (error) {
      // A full or failing disk concerns the whole group, and SQLite may have rolled the transaction back already.
      if (!this.#db.isTransaction || toStorageUnavailable(error) !== undefined) throw error
      this.#statements.undo.run()
      this.#statements.release.run()
      batch.truncate(length)
      this.#log.store.restore(state)
      return Exit.die(error)
    }
  }

  /** Fails every commit. Live events need no disk as long as positions are reserved, so they stay in the batch. */
  #failAll(group: ReadonlyArray<PendingWrite>, batch: PendingBatch, failure: Failure): Map<PendingCommit, Failure> {
    const failures = new Map<PendingCommit, Failure>()
    batch.truncate(0)
    for (const write of group) {
      if (write._tag === "Commit") failures.set(write, failure)
      else if (this.#log.store.isReserved(batch.seq + 1)) batch.add(write.event)
    }
    return failures
  }

  #rollBack(): void {
    try {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK")
    } catch {
      // The next BEGIN fails and reports the problem. The callers of this group must get their answer now.
    }
  }
}

const prepare = (db: DatabaseSync) => ({
  begin: db.prepare("BEGIN IMMEDIATE"),
  commit: db.prepare("COMMIT"),
  savepoint: db.prepare("SAVEPOINT work"),
  release: db.prepare("RELEASE work"),
  undo: db.prepare("ROLLBACK TO work"),
})
