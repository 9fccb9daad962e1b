import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Scheduler } from "effect/Scheduler"
import * as Schema from "effect/Schema"
import * as RuntimeScheduler from "../../../src/services/runs/RuntimeScheduler.ts"
import {
  OPERATIONS,
  OPERATIONS_AT_ONCE,
  OPERATIONS_PER_LOOK,
  SLICE_MS,
} from "../../../src/services/runs/RuntimeScheduler.ts"
import { tick } from "../../support/Ticks.ts"

/** An event loop whose turns the test makes, and runs on it that count their operations. `now`: their clock, in milliseconds. */
const makeLoop = (now = () => 0) => {
  let tasks: Array<() => void> = []
  const loop: Scheduler = {
    executionMode: "async",
    shouldYield: () => false,
    makeDispatcher: () => ({ scheduleTask: (task) => tasks.push(task), flush: () => {} }),
  }
  const makeScheduler = Effect.runSync(Effect.provideService(RuntimeScheduler.makeWith(now), Scheduler, loop))

  /** Starts a run with fibers that compute without end. Returns the number of their steps so far. */
  const spin = (fibers: number): (() => number) => {
    let steps = 0
    const step = Effect.sync(() => {
      steps++
    })
    const scheduler = makeScheduler()
    for (let n = 0; n < fibers; n++) Effect.runFork(Effect.forever(step, { disableYield: true }), { scheduler })
    return () => steps
  }

  const turn = () => {
    const now = tasks
    tasks = []
    for (const task of now) task()
  }

  return { makeScheduler, spin, turn, waiting: () => tasks.length }
}

const sum = (runs: ReadonlyArray<() => number>): number => runs.reduce((total, steps) => total + steps(), 0)

const FibersOfRuns = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 30 }))).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(20),
)

describe("The scheduler of runtimes", () => {
  it.prop(
    "All runs together take a bounded number of operations in a turn of the event loop.",
    [FibersOfRuns],
    ([fibersOfRuns]) => {
      const { spin, turn, waiting } = makeLoop()
      const runs = fibersOfRuns.map(spin)
      for (let n = 0; n < 10; n++) {
        const before = sum(runs)
        turn()
        expect(sum(runs) - before).toBeLessThanOrEqual(OPERATIONS + OPERATIONS_AT_ONCE)
        expect(waiting()).toBe(1)
      }
      expect(sum(runs)).toBeGreaterThan(0)
    },
  )

  it.prop(
    "Runs take turns, so a run with many fibers gets no more than a run with one.",
    [FibersOfRuns],
    ([fibersOfRuns]) => {
      const { spin, turn } = makeLoop()
      const runs = fibersOfRuns.map(spin)
      for (let n = 0; n < 100; n++) turn()
      const steps = runs.map((count) => count())
      expect(Math.min(...steps)).toBeGreaterThan(0)
      // A tenth covers the operations that start a fiber and are no steps.
      const allowed = 2 * OPERATIONS_AT_ONCE + Math.max(...steps) / 10
      expect(Math.max(...steps) - Math.min(...steps)).toBeLessThanOrEqual(allowed)
    },
  )

  it.prop(
    "Operations that take long end the slice of all runs, and the runs still take turns.",
    [FibersOfRuns, Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 8 }))],
    ([fibersOfRuns, looks]) => {
      let time = 0
      const { spin, turn } = makeLoop(() => {
        time += SLICE_MS / looks
        return time
      })
      const runs = fibersOfRuns.map(spin)
      for (let n = 0; n < 200; n++) {
        const before = sum(runs)
        turn()
        // A step may take less than one operation.
        expect(sum(runs) - before).toBeLessThanOrEqual(2 * OPERATIONS_PER_LOOK * looks)
      }
      expect(Math.min(...runs.map((steps) => steps()))).toBeGreaterThan(0)
    },
  )

  it("A fiber that is resumed often within a turn of the event loop has to wait for the next turn.", () => {
    const { makeScheduler, turn } = makeLoop()
    let resume: (() => void) | undefined
    let steps = 0
    const wait = Effect.callback<void>((done) => {
      resume = () => done(Effect.void)
    })
    const fiber = Effect.runFork(
      Effect.forever(
        Effect.tap(wait, () => Effect.sync(() => steps++)),
        { disableYield: true },
      ),
      { scheduler: makeScheduler() },
    )
    const resumeOften = () => {
      for (let next; (next = resume) !== undefined;) {
        resume = undefined
        next()
      }
    }
    resumeOften()
    const first = steps
    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThanOrEqual(OPERATIONS + OPERATIONS_AT_ONCE)
    turn()
    resumeOften()
    expect(steps).toBeGreaterThan(first)
    expect(steps).toBeLessThanOrEqual(2 * (OPERATIONS + OPERATIONS_AT_ONCE))
    fiber.interruptUnsafe()
  })

  it("An interrupt ends a fiber that waits for its turn.", () => {
    const { makeScheduler, spin, turn } = makeLoop()
    spin(1)
    const spinning = Effect.forever(Effect.void, { disableYield: true })
    const fiber = Effect.runFork(spinning, { scheduler: makeScheduler() })
    turn()
    fiber.interruptUnsafe()
    turn()
    expect(fiber.pollUnsafe()).toBeDefined()
  })

  it.live("A loop over promises that are already resolved does not stop the event loop.", () =>
    Effect.gen(function* () {
      const scheduler = (yield* RuntimeScheduler.make)()
      const endless = Effect.forever(
        Effect.promise(() => Promise.resolve()),
        { disableYield: true },
      )
      const fiber = yield* Effect.forkChild(Effect.provideService(endless, Scheduler, scheduler))
      yield* Effect.andThen(tick, tick)
      yield* Fiber.interrupt(fiber)
    }),
  )

  it("A task that throws does not end the turns of the others.", () => {
    const { makeScheduler, spin, turn } = makeLoop()
    makeScheduler()
      .makeDispatcher()
      .scheduleTask(() => {
        throw new Error("a bug")
      }, 0)
    const steps = spin(1)
    expect(turn).toThrow("a bug")
    turn()
    expect(steps()).toBeGreaterThan(0)
  })
})
