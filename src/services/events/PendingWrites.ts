/**
 * PendingWrites: the queue of commits and live events that are not published yet. GroupCommit fills it and takes groups
 * from it.
 */
import type * as Exit from "effect/Exit"
import { type LiveEvent, runOf } from "../../domain/Event.ts"
import type { PendingWork } from "../storage/Storage.ts"

/** Commits in one transaction. Reads wait for the whole group: some milliseconds of work. */
const GROUP_COMMITS = 64

/** Text deltas of a run that wait become one up to this length. Clients bound their frames, so an event has to stay small. */
const DELTA_CHARS = 16_384

/** More text than this does not wait for more. Clients that stop reading then get it in many events, which can merge. */
const PATIENT_CHARS = 65_536

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
  event: LiveEvent
}

export type PendingWrite = PendingCommit | PendingEvent

export class PendingWrites {
  #writes: Array<PendingWrite> = []
  /** The newest live event of each run since the last commit. Later deltas may join it. */
  readonly #newest = new Map<string, PendingEvent>()
  /** Something other than text waits. */
  #isUrgent = false
  /** Characters of the text that waits. */
  #chars = 0

  get length(): number {
    return this.#writes.length
  }

  /** Only a little text of open runs waits, which may wait for more text. */
  get isPatient(): boolean {
    return !this.#isUrgent && this.#chars < PATIENT_CHARS
  }

  push(commit: PendingCommit): void {
    this.#isUrgent = true
    this.#newest.clear()
    this.#writes.push(commit)
  }

  /**
   * Adds a live event. A text delta joins the delta before it, if its run has published nothing else since and no commit
   * is between them: a run that emits many small pieces costs one event for each group.
   */
  pushLive(event: LiveEvent): void {
    if (isText(event)) this.#chars += event.text.length
    else this.#isUrgent = true
    const runId = runOf(event)
    const newest = runId === undefined ? undefined : this.#newest.get(runId)
    const joined = newest && join(newest.event, event)
    if (newest !== undefined && joined !== undefined) {
      newest.event = joined
      return
    }
    const pending: PendingEvent = { _tag: "Live", event }
    if (runId !== undefined) this.#newest.set(runId, pending)
    this.#writes.push(pending)
  }

  /** Removes and returns the oldest writes, up to `GROUP_COMMITS` commits and the live events between them. */
  takeGroup(): ReadonlyArray<PendingWrite> {
    this.#newest.clear()
    let commits = 0
    const end = this.#writes.findIndex(({ _tag }) => _tag === "Commit" && ++commits > GROUP_COMMITS)
    const group = end < 0 ? this.#writes : this.#writes.slice(0, end)
    this.#writes = end < 0 ? [] : this.#writes.slice(end)
    this.#isUrgent = this.#writes.length > 0
    this.#chars = 0
    return group
  }

  /** Puts the group back in its place. Removes cancelled commits, and removes and returns those past their deadline. */
  putBack(group: ReadonlyArray<PendingWrite>, now: number, limitMs: number): ReadonlyArray<PendingCommit> {
    const expired: Array<PendingCommit> = []
    this.#isUrgent = true
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

type Text = Extract<LiveEvent, { _tag: "TextDelta" | "ThinkingDelta" }>

const isText = (event: LiveEvent): event is Text => event._tag === "TextDelta" || event._tag === "ThinkingDelta"

/** Returns both events of a run as one, or `undefined` if they are no deltas of the same kind. */
const join = (before: LiveEvent, next: LiveEvent): LiveEvent | undefined =>
  isText(before) && isText(next) && before._tag === next._tag && before.text.length + next.text.length <= DELTA_CHARS
    ? { ...before, text: before.text + next.text }
    : undefined
