/**
 * PendingWrites: the queue of commits and live events that are not published yet. GroupCommit fills it and takes groups
 * from it; GroupTransaction writes a group.
 */
import * as Exit from "effect/Exit"
import type { KeptEvent, LiveEvent } from "../../domain/Event.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"

/** Commits in one transaction. The event loop waits for the whole group: some milliseconds of work. */
const GROUP_COMMITS = 64

/** The answer of a change and the events that describe it. Without events, nothing has changed. */
export type Change<A> = readonly [answer: A, events: ReadonlyArray<KeptEvent>]

export type Failure = Exit.Exit<never, StorageUnavailable>

export interface PendingCommit {
  readonly _tag: "Commit"
  /** Runs the work, stores its answer and returns its events. */
  readonly run: () => ReadonlyArray<KeptEvent>
  /** Resumes the caller with the answer or the failure. */
  readonly settle: (failure?: Failure) => void
  /** The caller was interrupted before the work began. */
  isCancelled: boolean
  /** When the commit fails if another process still holds the write lock. The first attempt that finds it held sets it. */
  deadline?: number
}

/** Returns a commit of the work. `settle` resumes its caller; a cancelled commit has no answer and resumes nobody. */
export const makeCommit = <A>(
  work: () => Change<A>,
  resume: (exit: Exit.Exit<A, StorageUnavailable>) => void,
): PendingCommit => {
  let answer: Exit.Exit<A> | undefined
  return {
    _tag: "Commit",
    run: () => {
      const [value, events] = work()
      answer = Exit.succeed(value)
      return events
    },
    settle: (failure) => {
      const outcome = failure ?? answer
      if (outcome !== undefined) resume(outcome)
    },
    isCancelled: false,
  }
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
