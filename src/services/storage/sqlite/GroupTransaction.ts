/**
 * GroupTransaction: runs a group of works as one synchronous transaction of SQLite, each under a savepoint. SqliteStorage
 * uses it.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { DatabaseSync } from "node:sqlite"
import { StorageUnavailable } from "../../../domain/Storage.ts"
import { isBusy, toStorageUnavailable } from "./SqliteError.ts"
import type { Committed, KeptRow, PendingWork } from "../Storage.ts"
import type { Change, Tx } from "../Tx.ts"
import type { EventRows } from "./EventRows.ts"

export type WorkExit = Exit.Exit<Committed, unknown>

interface Dependencies {
  readonly db: DatabaseSync
  readonly events: EventRows
  readonly context: Context.Context<Tx>
  /** Called when the transaction has the write lock. */
  readonly onBegun: () => void
  /** Receives the name of a work that has blocked the event loop for longer than `SLOW_MS`. */
  readonly onSlow: (name: string, ms: number) => void
}

/** Every other commit waits for a work, and so does the event loop. */
const SLOW_MS = 50

export class GroupTransaction {
  readonly #options: Dependencies
  readonly #run: <A, E>(work: Effect.Effect<A, E, Tx>) => Exit.Exit<A, E>
  readonly #statements: ReturnType<typeof prepare>

  constructor(options: Dependencies) {
    this.#options = options
    this.#run = Effect.runSyncExitWith(options.context)
    this.#statements = prepare(options.db)
  }

  /**
   * Returns one exit per work. Fails with `StorageUnavailable` or dies if the whole group was undone. Returns "held" and
   * does nothing if another process holds the write lock.
   */
  write(
    group: ReadonlyArray<PendingWork>,
    at: number,
  ): Exit.Exit<ReadonlyArray<WorkExit>, StorageUnavailable> | "held" {
    const { events, onBegun } = this.#options
    const { state } = events
    let hasBegun = false
    try {
      this.#statements.begin.run()
      hasBegun = true
      onBegun()
      const exits = group.map((pending) => this.#apply(pending, at))
      events.dropOld(at, events.state.newest.number - state.newest.number)
      this.#statements.commit.run()
      return Exit.succeed(exits)
    } catch (error) {
      if (!hasBegun && isBusy(error)) return "held"
      this.#rollBack()
      events.restore(state)
      const unavailable = error instanceof StorageUnavailable ? error : toStorageUnavailable(error)
      return unavailable === undefined ? Exit.die(error) : Exit.fail(unavailable)
    }
  }

  /** Runs one work under a savepoint, so that its failure or defect undoes its own writes only. */
  #apply({ name, work }: PendingWork, at: number): WorkExit {
    const { db, events, onSlow } = this.#options
    const { state } = events
    const begunAt = performance.now()
    this.#statements.savepoint.run()
    const done = this.#run(work)
    const exit: WorkExit = Exit.isSuccess(done) ? this.#insert(done.value, at) : Exit.failCause(done.cause)
    if (Exit.isFailure(exit)) {
      stop(exit.cause)
      const unavailable = unavailableIn(exit.cause)
      // A full or failing disk concerns the whole group, and SQLite may have rolled the transaction back already.
      if (unavailable !== undefined || !db.isTransaction) throw unavailable ?? Cause.squash(exit.cause)
      this.#statements.undo.run()
      events.restore(state)
    }
    this.#statements.release.run()
    const ms = performance.now() - begunAt
    if (ms > SLOW_MS) onSlow(name, ms)
    return exit
  }

  #insert([answer, happened]: Change<unknown>, at: number): Exit.Exit<Committed> {
    const { events } = this.#options
    try {
      const rows: Array<KeptRow> = []
      for (const event of happened) rows.push(events.insert(event, at))
      return Exit.succeed({ answer, rows })
    } catch (error) {
      return Exit.die(error)
    }
  }

  #rollBack(): void {
    const { db } = this.#options
    try {
      if (db.isTransaction) db.exec("ROLLBACK")
    } catch {
      // The next BEGIN fails and reports the problem. The callers of this group must get their answer now.
    }
  }
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
