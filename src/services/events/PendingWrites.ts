/**
 * PendingWrites: the queue of commits and live events that are not published yet. GroupCommit fills it and takes groups
 * from it.
 */
import type * as Exit from "effect/Exit"
import type { LiveEvent } from "../../domain/Event.ts"
import type { PendingWork } from "../storage/Storage.ts"

/** Commits in one transaction. The event loop waits for the whole group: some milliseconds of work. */
const GROUP_COMMITS = 64

export interface PendingCommit {
  readonly _tag: "Commit"
  readonly pending: PendingWork
  /** Resumes the caller. Does nothing if the caller was interrupted. */
  readonly settle: (exit: Exit.Exit<unknown, unknown>) => void
  /** The caller was interrupted before the work began. */
  isCancelled: boolean
  /** When the commit fails if storage is still busy. The first attempt that finds it busy sets it. */
  deadline?: number
}

export interface PendingEvent {
  readonly _tag: "Live"
  readonly event: LiveEvent
}

export type PendingWrite = PendingCommit | PendingEvent

export class PendingWrites {
  #writes: Array<PendingWrite> = []

  get length(): number {
    return this.#writes.length
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
