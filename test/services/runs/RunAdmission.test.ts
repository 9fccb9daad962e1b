import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { make } from "../../../src/services/runs/RunAdmission.ts"

/** Runs that stay until they are told to leave, and the order in which they got in. */
const stage = (concurrent: number, perAgent: number) => {
  const limits = make(concurrent, perAgent)
  const entered: Array<string> = []
  const leave = new Map<string, Deferred.Deferred<void>>()
  const start = (name: string, agentId: string, alone = false) =>
    Effect.suspend(() => {
      const told = Deferred.makeUnsafe<void>()
      leave.set(name, told)
      const run = Effect.andThen(
        Effect.sync(() => entered.push(name)),
        Deferred.await(told),
      )
      return Effect.forkChild(limits.withPlace(agentId, alone)(run), { startImmediately: true })
    })
  const end = (name: string) => Effect.andThen(Deferred.succeed(leave.get(name)!, undefined), Effect.yieldNow)
  return { limits, entered, start, end }
}

describe("the limits on runs", () => {
  it.effect("let in as many as may run at once, and the others in the order in which they came", () =>
    Effect.gen(function* () {
      const { end, entered, limits, start } = stage(2, 2)
      for (const name of ["a", "b", "c", "d"]) yield* start(name, "main")
      expect(entered).toEqual(["a", "b"])
      expect(limits.running()).toBe(2)
      yield* end("b")
      expect(entered).toEqual(["a", "b", "c"])
      yield* end("a")
      expect(entered).toEqual(["a", "b", "c", "d"])
    }),
  )

  it.effect("do not let a busy agent hold up another", () =>
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

  it.effect("forget who stops waiting, and free the place of who is interrupted", () =>
    Effect.gen(function* () {
      const { entered, limits, start } = stage(1, 1)
      const first = yield* start("first", "main")
      const second = yield* start("second", "main")
      yield* start("third", "main")
      yield* Fiber.interrupt(second)
      yield* Fiber.interrupt(first)
      expect(entered).toEqual(["first", "third"])
      expect(limits.running()).toBe(1)
    }),
  )

  it.effect("drain: nobody comes in any more, and the last one who leaves ends the wait", () =>
    Effect.gen(function* () {
      const { end, entered, limits, start } = stage(1, 1)
      yield* start("in", "main")
      yield* start("waiting", "main")
      const drained = yield* Effect.forkChild(limits.drain, { startImmediately: true })
      yield* end("in")
      yield* Fiber.join(drained)
      expect(entered).toEqual(["in"])
      yield* start("late", "main")
      expect(entered).toEqual(["in"])
    }),
  )

  it.effect("drain at once where nothing runs", () => make(1, 1).drain)

  const Step = Schema.Struct({ agent: Schema.Literals(["a", "b", "c"]), ends: Schema.Boolean })
  it.effect.prop(
    "are never exceeded, and never leave a place empty that somebody may take",
    [Schema.Array(Step)],
    ([steps]) =>
      Effect.gen(function* () {
        const { end, entered, limits, start } = stage(3, 2)
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
          expect(limits.running()).toBe(inside.length)
          expect(inside.length).toBeLessThanOrEqual(3)
          for (const agent of ["a", "b", "c"]) expect(ofAgent(agent)).toBeLessThanOrEqual(2)
          const couldEnter = waiting.filter(([, agent]) => inside.length < 3 && ofAgent(agent) < 2)
          expect(couldEnter).toEqual([])
        }
      }),
    { arbitrary: { size: 60 } },
  )

  it.effect("let a run alone that asks for it: after those before it, before those after it", () =>
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

  it.effect("let others in beside a run that has been alone for a minute", () =>
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

  it.effect("let in a run beside others that has waited a minute to be alone", () =>
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

  it.effect("hold up none for a run that leaves while it waits to be alone", () =>
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
