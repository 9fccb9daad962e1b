/**
 * EventGroup: writes a group of commits and live events as one transaction. EventWriter.ts decides what is in a group and
 * when its turn comes. It does not know what the works write.
 */
import * as Exit from "effect/Exit"
import type { DatabaseSync } from "node:sqlite"
import type { KeptEvent, LiveEvent } from "../../domain/Event.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { PendingBatch, EventLog } from "./EventLog.ts"
import { isBusy, toStorageUnavailable } from "../storage/SqliteError.ts"
import type { WriteLock } from "../storage/WriteLock.ts"

export type Failure = Exit.Exit<never, StorageUnavailable>

export interface Commit {
  readonly _tag: "Commit"
  /** Runs the work and keeps its answer. */
  readonly run: () => ReadonlyArray<KeptEvent>
  /** Hands over the answer, or the failure. */
  readonly settle: (failure?: Failure) => void
  /** Its caller was interrupted before it began. */
  cancelled: boolean
  /** When it fails if another process still holds the write lock; set by the first attempt that finds it held. */
  deadline?: number
}

export type Entry = Commit | { readonly _tag: "Live"; readonly event: LiveEvent }

export const hasCommit = (entries: ReadonlyArray<Entry>) => entries.some((entry) => entry._tag === "Commit")

export const failureOf = (error: unknown): Failure => {
  const unavailable = toStorageUnavailable(error)
  return unavailable === undefined ? Exit.die(error) : Exit.fail(unavailable)
}

/** Adds the kept events to the draft and to the table, in the transaction that is open. */
export const insert = (log: EventLog, draft: PendingBatch, events: ReadonlyArray<KeptEvent>): void => {
  for (const event of events) log.table.insert(draft.add(event), event)
  if (log.table.shouldReserve(draft.seq)) log.table.reserve(draft.seq)
}

export const makeGroupWriter = (log: EventLog, db: DatabaseSync, writeLock: WriteLock) => {
  const begin = db.prepare("BEGIN IMMEDIATE")
  const commitGroup = db.prepare("COMMIT")
  const savepoint = db.prepare("SAVEPOINT work")
  const release = db.prepare("RELEASE work")
  const undo = db.prepare("ROLLBACK TO work")

  /** Under a savepoint: what one work does wrong is not the others' loss. Answers why it failed, if it did. */
  const apply = (commit: Commit, draft: PendingBatch): Failure | undefined => {
    const { length } = draft.events
    const { state } = log.table
    savepoint.run()
    try {
      insert(log, draft, commit.run())
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

  /** Returns "held" with nothing done if another process holds the write lock and there is a commit to wait with. */
  const write = (group: ReadonlyArray<Entry>, draft: PendingBatch): Map<Commit, Failure> | "held" => {
    const failures = new Map<Commit, Failure>()
    const { state } = log.table
    let begun = false
    try {
      begin.run()
      begun = true
      writeLock.taken()
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
      if (!begun && isBusy(error) && hasCommit(group)) return "held"
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

  return write
}
