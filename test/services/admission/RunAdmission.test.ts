import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { make } from "../../../src/services/admission/RunAdmission.ts"

/** Runs that last until the test ends them, and the order of their admission. */
const stage = (concurrent: number, perAgent: number) => {
  const admission = make({ concurrent, concurrentPerAgent: perAgent })
  const entered: Array<string> = []
  const ends = new Map<string, Effect.Effect<void>>()
  const start = (name: string, agentId: string, alone = false) =>
    Effect.suspend(() => {
      const ended = Deferred.makeUnsafe<void>()
      const run = Effect.andThen(
        Effect.sync(() => entered.push(name)),
        Deferred.await(ended),
      )
      const forked = Effect.forkChild(admission.withPermit(agentId, alone)(run), { startImmediately: true })
      return Effect.tap(forked, (fiber) =>
        Effect.sync(() => ends.set(name, Effect.andThen(Deferred.succeed(ended, undefined), Fiber.join(fiber)))),
      )
    })
  const end = (name: string) => Effect.suspend(() => ends.get(name)!)
  return { admission, entered, start, end }
}

describe("RunAdmission", () => {
  it.effect("It admits as many runs as the limit, and the others in the order of their arrival.", () =>
    Effect.gen(function* () {
      const { admission, end, entered, start } = stage(2, 2)
      for (const name of ["a", "b", "c", "d"]) yield* start(name, "main")
      expect(entered).toEqual(["a", "b"])
      expect(admission.running()).toBe(2)
      yield* end("b")
      expect(entered).toEqual(["a", "b", "c"])
      yield* end("a")
      expect(entered).toEqual(["a", "b", "c", "d"])
    }),
  )

  it.effect("An agent at its limit does not hold up another agent.", () =>
    Effect.gen(function* () {
      const { end, entered, start } = stage(3, 1)
      yield* start("luna 1", "luna")
      yield* start("luna 2", "luna")
      yield* start("sage 1", "sage")
      expect(entered).toEqual(["luna 1", "sage 1"])
      yield* end("luna 1")
      expect(entered).toEqual(["luna 1", "sage 1", "luna 2"])
    }),
  )

  it.effect("An interrupted waiter leaves the queue, and an interrupted run frees its permit.", () =>
    Effect.gen(function* () {
      const { admission, entered, start } = stage(1, 1)
      const first = yield* start("first", "main")
      const second = yield* start("second", "main")
      yield* start("third", "main")
      yield* Fiber.interrupt(second)
      yield* Fiber.interrupt(first)
      expect(entered).toEqual(["first", "third"])
      expect(admission.running()).toBe(1)
    }),
  )

  it.effect("A drain admits no further run and returns when the last one ends.", () =>
    Effect.gen(function* () {
      const { admission, end, entered, start } = stage(1, 1)
      yield* start("in", "main")
      yield* start("waiting", "main")
      const drained = yield* Effect.forkChild(admission.drain, { startImmediately: true })
      yield* end("in")
      yield* Fiber.join(drained)
      expect(entered).toEqual(["in"])
      yield* start("late", "main")
      expect(entered).toEqual(["in"])
    }),
  )

  it.effect("A drain without runs returns at once.", () => make({ concurrent: 1, concurrentPerAgent: 1 }).drain)

  it.effect("A permit that is free is there at once, and a run with it does not wait.", () =>
    Effect.gen(function* () {
      const { admission, end, entered, start } = stage(2, 1)
      const permit = admission.tryAcquire("a")!
      expect(admission.tryAcquire("a")).toBeUndefined()
      const unused = admission.tryAcquire("b")!
      yield* start("c", "c")
      expect(admission.tryAcquire("d")).toBeUndefined()
      expect([admission.running(), entered]).toEqual([2, []])
      admission.giveBack(unused)
      expect([admission.running(), entered]).toEqual([2, ["c"]])
      const running = admission.withPermit("a", false, "r", permit)(Effect.sync(() => admission.running()))
      expect(yield* running).toBe(2)
      yield* end("c")
      expect(admission.running()).toBe(0)
    }),
  )

  const Step = Schema.Struct({ agent: Schema.Literals(["a", "b", "c"]), ends: Schema.Boolean })
  it.effect.prop(
    "The limits are never exceeded, and no free permit waits while a run could take it.",
    [Schema.Array(Step)],
    ([steps]) =>
      Effect.gen(function* () {
        const { admission, end, entered, start } = stage(3, 2)
        const agentOf = new Map<string, string>()
        const ended = new Set<string>()
        for (const [index, { agent, ends }] of steps.entries()) {
          const oldest = entered.find((name) => !ended.has(name))
          if (ends && oldest !== undefined) {
            ended.add(oldest)
            yield* end(oldest)
          } else {
            agentOf.set(String(index), agent)
            yield* start(String(index), agent)
          }
          const inside = entered.filter((name) => !ended.has(name))
          const ofAgent = (agent: string) => inside.filter((name) => agentOf.get(name) === agent).length
          const waiting = [...agentOf].filter(([name]) => !entered.includes(name))
          expect(admission.running()).toBe(inside.length)
          expect(inside.length).toBeLessThanOrEqual(3)
          for (const agent of ["a", "b", "c"]) expect(ofAgent(agent)).toBeLessThanOrEqual(2)
          const couldEnter = waiting.filter(([, agent]) => inside.length < 3 && ofAgent(agent) < 2)
          expect(couldEnter).toEqual([])
        }
      }),
    { arbitrary: { size: 60 } },
  )

  it.effect("A run that waits outside has no permit, and takes one again before it goes on.", () =>
    Effect.gen(function* () {
      const { admission, end, entered, start } = stage(1, 1)
      const decided = yield* Deferred.make<string>()
      const wait = Effect.scoped(admission.outside("r")(Deferred.await(decided)))
      const run = yield* Effect.forkChild(admission.withPermit("main", false, "r")(wait), { startImmediately: true })
      expect(admission.running()).toBe(0)
      yield* start("other", "main")
      expect(entered).toEqual(["other"])
      yield* TestClock.adjust(50)
      yield* Deferred.succeed(decided, "yes")
      yield* TestClock.adjust(20)
      expect(admission.outsideMs("r", 70)).toBe(70)
      expect(run.pollUnsafe()).toBeUndefined()
      yield* end("other")
      expect(yield* Fiber.join(run)).toBe("yes")
      expect(admission.running()).toBe(0)
    }),
  )

  it.effect("A call that has come back works with the permit, and the run returns it while others still wait.", () =>
    Effect.gen(function* () {
      const { admission } = stage(1, 1)
      const [first, second, work] = yield* Effect.all([
        Deferred.make<void>(),
        Deferred.make<void>(),
        Deferred.make<void>(),
      ])
      const call = (wait: Deferred.Deferred<void>, then: Effect.Effect<void> = Effect.void) =>
        Effect.scoped(Effect.andThen(admission.outside("r")(Deferred.await(wait)), then))
      const calls = Effect.all([call(first, Deferred.await(work)), call(second)], { concurrency: "unbounded" })
      const run = yield* Effect.forkChild(admission.withPermit("main", false, "r")(calls), { startImmediately: true })
      expect(admission.running()).toBe(0)
      yield* Deferred.succeed(first, undefined)
      yield* Effect.yieldNow
      expect(admission.running()).toBe(1)
      yield* Deferred.succeed(work, undefined)
      yield* Effect.yieldNow
      expect(admission.running()).toBe(0)
      yield* Deferred.succeed(second, undefined)
      yield* Fiber.join(run)
      expect(admission.running()).toBe(0)
    }),
  )

  it.effect("A run that ends while it waits outside keeps no permit.", () =>
    Effect.gen(function* () {
      const { admission, end, entered, start } = stage(1, 1)
      const decided = yield* Deferred.make<void>()
      const lingering = yield* Effect.forkChild(
        admission.withPermit(
          "main",
          false,
          "r",
        )(
          Effect.forkDetach(Effect.scoped(admission.outside("r")(Deferred.await(decided))), { startImmediately: true }),
        ),
        { startImmediately: true },
      )
      yield* Fiber.join(lingering)
      yield* start("next", "main")
      yield* Deferred.succeed(decided, undefined)
      yield* Effect.yieldNow
      yield* start("last", "main")
      yield* end("next")
      expect(entered).toEqual(["next", "last"])
      expect(admission.running()).toBe(1)
    }),
  )

  it.effect("A run that wants to be alone starts after the runs before it and before those after it.", () =>
    Effect.gen(function* () {
      const { end, entered, start } = stage(4, 4)
      yield* start("before", "main")
      yield* start("alone", "main", true)
      yield* start("after", "other")
      expect(entered).toEqual(["before"])
      yield* end("before")
      expect(entered).toEqual(["before", "alone"])
      yield* end("alone")
      expect(entered).toEqual(["before", "alone", "after"])
    }),
  )

  it.effect("After a minute alone, a run no longer blocks others.", () =>
    Effect.gen(function* () {
      const { entered, start } = stage(4, 4)
      yield* start("alone", "main", true)
      yield* start("after", "main")
      yield* TestClock.adjust("59 seconds")
      expect(entered).toEqual(["alone"])
      yield* TestClock.adjust("1 second")
      expect(entered).toEqual(["alone", "after"])
    }),
  )

  it.effect("A run that waited a minute to be alone is admitted beside others.", () =>
    Effect.gen(function* () {
      const { entered, start } = stage(4, 4)
      yield* start("long", "main")
      yield* start("alone", "main", true)
      yield* start("after", "main")
      yield* TestClock.adjust("59 seconds")
      expect(entered).toEqual(["long"])
      yield* TestClock.adjust("1 second")
      expect(entered.toSorted()).toEqual(["after", "alone", "long"])
    }),
  )

  it.effect("A run that stops waiting to be alone no longer blocks others.", () =>
    Effect.gen(function* () {
      const { entered, start } = stage(4, 4)
      yield* start("long", "main")
      const waiting = yield* start("alone", "main", true)
      yield* start("after", "main")
      yield* Fiber.interrupt(waiting)
      expect(entered).toEqual(["long", "after"])
    }),
  )
})
