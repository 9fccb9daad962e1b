/**
 * PendingWrites: the queue of commits and live events that are not published yet. GroupCommit fills it and takes groups
 * from it; GroupTransaction writes a group.
 */
import type * as Exit from "effect/Exit"
import type { LiveEvent } from "../../domain/Event.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { Work } from "../storage/Tx.ts"

/** Commits in one transaction. The event loop waits for the whole group: some milliseconds of work. */
const GROUP_COMMITS = 64

export type Failure = Exit.Exit<never, StorageUnavailable>

export interface PendingCommit {
  readonly _tag: "Commit"
  /** The name of the caller, for the log. */
  readonly name: string
  readonly work: Work<unknown, unknown>
  /** Resumes the caller. Does nothing if the caller was interrupted. */
  readonly settle: (exit: Exit.Exit<unknown, unknown>) => void
  /** The caller was interrupted before the work began. */
  isCancelled: boolean
  /** When the commit fails if another process still holds the write lock. The first attempt that finds it held sets it. */
  deadline?: number
}

export interface PendingEvent {
  readonly _tag: "Live"
  readonly event: LiveEvent
}

export type PendingWrite = PendingCommit | PendingEvent

export const hasCommit = (writes: ReadonlyArray<PendingWrite>): boolean => writes.some(({ _tag }) => _tag === "Commit")

export class PendingWrites {
  #writes: Array<PendingWrite> = []

  get length(): number {
    return this.#writes.length
  }

  get hasCommit(): boolean {
    return hasCommit(this.#writes)
  }

  push(write: PendingWrite): void {
    this.#writes.push(write)
  }

  /** Removes and returns the oldest writes, up to `GROUP_COMMITS` commits and the live events between them. */
  takeGroup(): ReadonlyArray<PendingWrite> {
    let commits = 0
    const end = this.#writes.findIndex(({ _tag }) => _tag === "Commit" && ++commits > GROUP_COMMITS)
    const group = end < 0 ? this.#writes : this.#writes.slice(0, end)
    this.#writes = end < 0 ? [] : this.#writes.slice(end)
    return group
  }

  /** Puts the group back in its place. Removes cancelled commits, and removes and returns those past their deadline. */
  putBack(group: ReadonlyArray<PendingWrite>, now: number, limitMs: number): ReadonlyArray<PendingCommit> {
    const expired: Array<PendingCommit> = []
    this.#writes = [...group, ...this.#writes].filter((write) => {
      if (write._tag === "Live") return true
      if (write.isCancelled) return false
      write.deadline ??= now + limitMs
      if (now < write.deadline) return true
      expired.push(write)
      return false
    })
    return expired
  }
}
