/**
 * GroupTransaction: runs a group of works as one transaction of SQLite, each under a savepoint, and some in each turn of the
 * event loop. SqliteStorage uses it.
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

/** The works in one turn of the event loop: about a millisecond. With fewer, the loop itself takes more of the time. */
export const WORKS_AT_ONCE = 8

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
   * does nothing if another process holds the write lock. Until it returns, this connection sees changes that may be undone.
   */
  write(
    group: ReadonlyArray<PendingWork>,
    at: number,
  ): Effect.Effect<ReadonlyArray<WorkExit> | "held", StorageUnavailable> {
    const { events } = this.#options
    const transact = Effect.suspend(() => {
      const { state } = events
      return Effect.catchDefect(this.#transact(group, at), (error) => {
        this.#rollBack()
        events.restore(state)
        const unavailable = error instanceof StorageUnavailable ? error : toStorageUnavailable(error)
        return unavailable === undefined ? Effect.die(error) : Effect.fail(unavailable)
      })
    })
    // An interrupt between two works would leave the transaction open.
    return Effect.uninterruptible(transact)
  }

  readonly #transact = Effect.fnUntraced({ self: this }, function* (group: ReadonlyArray<PendingWork>, at: number) {
    const { events } = this.#options
    const { newest } = events.state
    if (!this.#begin()) return "held"
    const exits: Array<WorkExit> = []
    for (const pending of group) {
      if (exits.length > 0 && exits.length % WORKS_AT_ONCE === 0) yield* Effect.yieldNow
      exits.push(this.#apply(pending, at))
    }
    events.dropOld(at, events.state.newest.number - newest.number)
    this.#statements.commit.run()
    return exits
  })

  /** Returns false if another process holds the write lock. */
  #begin(): boolean {
    try {
      this.#statements.begin.run()
    } catch (error) {
      if (isBusy(error)) return false
      throw error
    }
    this.#options.onBegun()
    return true
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
