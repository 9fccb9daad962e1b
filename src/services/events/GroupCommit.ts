/**
 * GroupCommit: writes to the event log. All commits and live events of one event-loop turn go to storage as one
 * transaction and become live in one step. While storage is busy, all of them wait in their order. Text of open runs waits
 * some milliseconds for more. Events uses this module.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import { monotonicMs } from "../../domain/MonotonicTime.ts"
import type { LiveEvent, Positioned } from "../../domain/Event.ts"
import { Histograms } from "../../domain/Histogram.ts"
import { StorageUnavailable } from "../../domain/Storage.ts"
import { type Committed, type KeptRow, Storage, StorageBusy } from "../storage/Storage.ts"
import type { Work } from "../storage/Tx.ts"
import type { EventLog } from "./EventLog.ts"
import { type PendingCommit, type PendingWrite, PendingWrites } from "./PendingWrites.ts"
import { nextLive, numberAt, toPositioned } from "./Positions.ts"

/** Between two attempts to close while storage is busy. */
const CLOSE_PAUSE = "25 millis"

/** How long text of open runs waits after other live events, so that a client gets the text of many runs in one write. */
const TEXT_PAUSE_MS = 10

const stopped = Exit.fail(new StorageUnavailable({ detail: "the gateway has stopped" }))

type Exits = ReadonlyMap<PendingCommit, Exit.Exit<Committed, unknown>>

/** `busy`: nothing was written, and the group is tried again. */
export type WriteOutcome = "ok" | "busy" | "failed"

/** Returns the outcome of a transaction. Works may fail in one that succeeds. */
const outcomeOf = (exit: Exit.Exit<unknown, unknown>): WriteOutcome => {
  if (Exit.isSuccess(exit)) return "ok"
  return Option.getOrUndefined(Cause.findErrorOption(exit.cause)) instanceof StorageBusy ? "busy" : "failed"
}

interface Dependencies {
  readonly log: EventLog
  readonly storage: Storage["Service"]
  readonly clock: Clock.Clock
  readonly runFork: (effect: Effect.Effect<unknown>) => void
}

export const makeGroupCommit = Effect.fnUntraced(function* (log: EventLog) {
  const runFork = Effect.runForkWith(yield* Effect.context())
  return new GroupCommit({ log, storage: yield* Storage, clock: yield* Clock.Clock, runFork })
})

class GroupCommit {
  readonly #log: EventLog
  readonly #storage: Storage["Service"]
  readonly #clock: Clock.Clock
  readonly #runFork: Dependencies["runFork"]
  /** How long the transactions take, each with the commits of one event-loop turn. */
  readonly writeTimes = new Histograms<WriteOutcome>()
  readonly #pending = new PendingWrites()
  /** Keeps the order: one group is written and published at a time. */
  readonly #gate = Semaphore.makeUnsafe(1)
  /** A flush comes or is running, in this event-loop turn or after the pause of a retry. */
  #isScheduled = false
  /** Text waits for the end of the pause. */
  #isPausing = false
  /** When the newest live event was published, in milliseconds on the monotonic clock. */
  #liveAtMs = -Infinity
  #isClosed = false

  constructor({ clock, log, runFork, storage }: Dependencies) {
    this.#log = log
    this.#storage = storage
    this.#clock = clock
    this.#runFork = runFork
  }

  /** Queues a live event. Drops it once the gateway has stopped. */
  publishLive(event: LiveEvent): void {
    if (this.#isClosed) return
    this.#pending.pushLive(event)
    this.#schedule()
  }

  /** See `Events.commit`. */
  commit<A, E>(work: Work<A, E>, key: string | undefined): Effect.Effect<A, E | StorageUnavailable> {
    return Effect.withFiber((caller) =>
      Effect.callback<A, E | StorageUnavailable>((resume) => {
        if (this.#isClosed) return resume(stopped)
        const commit: PendingCommit = {
          _tag: "Commit",
          pending: { name: nameOf(caller), key, work },
          // The exit is that of `work`.
          settle: (exit) => resume(exit as Exit.Exit<A, E | StorageUnavailable>),
          isCancelled: false,
        }
        this.#pending.push(commit)
        this.#schedule()
        return Effect.sync(() => {
          commit.isCancelled = true
        })
      }),
    )
  }

  /** Writes or fails everything that is pending. */
  readonly close: Effect.Effect<void> = Effect.suspend(() =>
    Effect.eventually(Effect.tapError(this.#tryClose, () => Effect.sleep(CLOSE_PAUSE))),
  )

  /** Flushes what is pending at the end of this event-loop turn, or of the pause if it can wait. */
  #schedule(): void {
    if (this.#isScheduled || this.#pending.length === 0) return
    const pauseMs = this.#pending.isPatient ? this.#liveAtMs + TEXT_PAUSE_MS - monotonicMs(this.#clock) : 0
    if (pauseMs > 0) return this.#pause(pauseMs)
    this.#isScheduled = true
    setImmediate(() => this.#runFork(this.#flushInTurn))
  }

  #pause(pauseMs: number): void {
    if (this.#isPausing) return
    this.#isPausing = true
    const goOn = Effect.sync(() => {
      this.#isPausing = false
      this.#schedule()
    })
    this.#runFork(Effect.delay(goOn, pauseMs))
  }

  /** Writes and publishes one group. Fails if storage is busy; then the group is pending again. */
  readonly #flush: Effect.Effect<void, StorageBusy> = Effect.suspend(() => {
    const group = this.#pending.takeGroup()
    const commits = group.filter((write) => write._tag === "Commit" && !write.isCancelled) as Array<PendingCommit>
    const at = this.#clock.currentTimeMillisUnsafe()
    const publish = (exitOf: (index: number) => Exit.Exit<Committed, unknown>) =>
      Effect.sync(() => this.#publish(group, new Map(commits.map((commit, index) => [commit, exitOf(index)])), at))
    return Effect.matchCauseEffect(this.#write(commits, at), {
      onSuccess: (exits) => publish((index) => exits[index]!),
      onFailure: (cause) => {
        const error = Option.getOrUndefined(Cause.findErrorOption(cause))
        // Live events need no disk, so they are published.
        return error instanceof StorageBusy ? this.#putBack(group, error) : publish(() => Exit.failCause(cause))
      },
    })
  })

  #write(commits: ReadonlyArray<PendingCommit>, at: number): ReturnType<Storage["Service"]["write"]> {
    if (commits.length === 0) return Effect.succeed([])
    const works = commits.map(({ pending }) => pending)
    const published = numberAt(this.#log.head)
    const startedAt = performance.now()
    return Effect.onExitPrimitive(
      this.#storage.write(works, { at, published, onForeign: this.#publishForeign }),
      (exit) => {
        this.writeTimes.of(outcomeOf(exit)).record(performance.now() - startedAt)
        return undefined
      },
    )
  }

  readonly #flushInTurn: Effect.Effect<void> = Effect.suspend(() =>
    this.#gate.withPermit(this.#flush).pipe(
      Effect.matchEffect({
        onSuccess: () =>
          Effect.sync(() => {
            this.#isScheduled = false
            this.#schedule()
          }),
        onFailure: ({ pauseMs }) => Effect.andThen(Effect.sleep(pauseMs), this.#flushInTurn),
      }),
    ),
  )

  /** Publishes the events of the group in its order and resumes the callers. */
  #publish(group: ReadonlyArray<PendingWrite>, exits: Exits, at: number): void {
    let head = this.#log.head
    const batch: Array<Positioned> = []
    for (const write of group) {
      if (write._tag === "Live") {
        head = nextLive(head)
        batch.push({ _tag: "Event", seq: head, at, event: write.event })
        continue
      }
      const exit = exits.get(write)
      if (exit === undefined || Exit.isFailure(exit)) continue
      for (const row of exit.value.rows) {
        const positioned = toPositioned(row)
        head = positioned.seq
        batch.push(positioned)
      }
    }
    if (group.some(({ _tag }) => _tag === "Live")) this.#liveAtMs = monotonicMs(this.#clock)
    this.#log.publish(batch)
    for (const [commit, exit] of exits) commit.settle(Exit.isSuccess(exit) ? Exit.succeed(exit.value.answer) : exit)
  }

  readonly #publishForeign = (rows: ReadonlyArray<KeptRow>): void => {
    const published = numberAt(this.#log.head)
    const isNew = ({ number }: KeptRow) => number > published
    this.#log.publish(rows.filter(isNew).map(toPositioned))
  }

  /** Puts the group back until the next attempt and fails as storage did. Fails commits that have waited for the limit. */
  #putBack(group: ReadonlyArray<PendingWrite>, busy: StorageBusy): Effect.Effect<never, StorageBusy> {
    return Effect.suspend(() => {
      const expired = this.#pending.putBack(group, this.#clock.currentTimeMillisUnsafe(), busy.limitMs)
      for (const commit of expired) commit.settle(Exit.fail(busy.failure))
      return Effect.fail(busy)
    })
  }

  readonly #tryClose: Effect.Effect<void, StorageBusy> = Effect.suspend(() =>
    this.#gate.withPermit(
      Effect.gen({ self: this }, function* () {
        do yield* this.#flush
        while (this.#pending.length > 0)
        this.#isClosed = true
      }),
    ),
  )
}

/** Returns the name of the span in which a fiber is, which is that of a service's method. */
const nameOf = ({ cache: { span } }: Fiber.Fiber<unknown, unknown>): string =>
  span?._tag === "Span" ? span.name : "the gateway"
