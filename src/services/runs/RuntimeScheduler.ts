/**
 * RuntimeScheduler: gives all runs together a small part of each turn of the event loop, so that runtimes that compute or
 * emit without end cost everybody else little. The runs take turns, however many fibers one of them has. TurnRunner
 * gives each run a scheduler of its own.
 *
 * It counts the operations of Effect's run loop, and looks at the time between them. It cannot interrupt a JavaScript
 * function that does not return.
 */
import * as Effect from "effect/Effect"
import type { Fiber } from "effect/Fiber"
import { Scheduler, type SchedulerDispatcher } from "effect/Scheduler"

/**
 * The operations of all runs in one turn of the event loop, with the work on their output. With fewer, the event loop itself
 * takes more of the time. `isolation` measures both.
 */
export const OPERATIONS = 512

/** The operations of one run before the next run gets its turn. The last run may exceed `OPERATIONS` by as many. */
export const OPERATIONS_AT_ONCE = 128

/**
 * The time of all runs in one turn of the event loop. The operations of a runtime that emits without end take longer than
 * those of one that spins. A shorter time delays others less, and gives the event loop itself more of the processor.
 */
export const SLICE_MS = 0.1

/** A power of two: the scheduler looks at the time once for so many operations. */
export const OPERATIONS_PER_LOOK = 16

/** Makes a function that returns the scheduler of one run. `now`: milliseconds of a monotonic clock. */
export const makeWith = (now: () => number) =>
  Effect.map(Scheduler, (loop) => {
    const slices = new Slices(loop.makeDispatcher(), now)
    return (): Scheduler => new RunScheduler(slices)
  })

export const make = makeWith(() => performance.now())

/** The runs that wait for a turn, and the operations that are left in this turn of the event loop. */
class Slices {
  readonly #loop: SchedulerDispatcher
  readonly #waiting: Array<RunScheduler> = []
  readonly #now: () => number
  #left = OPERATIONS
  /** When the time of this turn is over. `Infinity` for a fiber that an event outside the turns of the runs resumes. */
  #until = Number.POSITIVE_INFINITY
  #isScheduled = false

  constructor(loop: SchedulerDispatcher, now: () => number) {
    this.#loop = loop
    this.#now = now
  }

  /** Counts an operation. Returns whether none is left. The last run of a turn may spend as much as the others. */
  spend(): boolean {
    const left = --this.#left
    if (left % OPERATIONS_PER_LOOK === 0 && this.#now() >= this.#until) this.#left = -OPERATIONS_AT_ONCE
    return this.#left <= -OPERATIONS_AT_ONCE
  }

  add(run: RunScheduler): void {
    this.#waiting.push(run)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#loop.scheduleTask(this.#run, 0)
  }

  readonly #run = () => {
    this.#left = OPERATIONS
    this.#until = this.#now() + SLICE_MS
    try {
      for (let run; this.#left > 0 && (run = this.#waiting.shift()) !== undefined;) run.runNext()
    } finally {
      this.#until = Number.POSITIVE_INFINITY
      this.#isScheduled = false
      if (this.#waiting.length > 0) this.#schedule()
    }
  }
}

/** The tasks of one run: fibers to start or to go on with. All fibers of the run share it. */
class RunScheduler implements Scheduler, SchedulerDispatcher {
  readonly executionMode = "async"
  readonly #slices: Slices
  /** The run waits for a turn while it has tasks. */
  readonly #tasks: Array<() => void> = []

  constructor(slices: Slices) {
    this.#slices = slices
  }

  shouldYield({ currentOpCount }: Fiber<unknown, unknown>): boolean {
    return this.#slices.spend() || currentOpCount >= OPERATIONS_AT_ONCE
  }

  makeDispatcher(): SchedulerDispatcher {
    return this
  }

  /** Queues the task. Tasks run in their order: fibers of one run need no priorities. */
  scheduleTask(task: () => void): void {
    if (this.#tasks.push(task) === 1) this.#slices.add(this)
  }

  /** Runs the oldest task. The run waits for its next turn if it has more. */
  runNext(): void {
    const task = this.#tasks.shift()
    if (this.#tasks.length > 0) this.#slices.add(this)
    // A task without operations costs something, too.
    this.#slices.spend()
    task?.()
  }

  /** Runs the tasks so far at once. */
  flush(): void {
    for (const task of this.#tasks.splice(0)) task()
  }
}
