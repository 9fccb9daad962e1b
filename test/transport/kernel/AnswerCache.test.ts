/** AnswerCache: which answers of cached queries callers share, and for how long. */
import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { Scope } from "../../../src/domain/Principal.ts"
import { cached, call, Contract, outcomeOf, type Query } from "../../../src/transport/dialect/Query.ts"
import { AnswerCache } from "../../../src/transport/kernel/AnswerCache.ts"

const READ: ReadonlyArray<Scope> = ["operator.read"]

const query = cached(Effect.map(call("ping", {}), ({ at }) => ({ at })))

/** A stub of the contract that counts the calls. `happen` publishes an event. */
const gateway = Effect.gen(function* () {
  let seq = 0
  let calls = 0
  const clock = yield* Clock.Clock
  const cache = new AnswerCache(() => ({ epoch: "e", seq }), clock)
  const ping: Contract["Service"]["call"] = () => Effect.sync(() => ({ at: ++calls }))
  const run = <A>(query: Query<A>, call = ping, scopes = READ) =>
    Effect.provideService(query, Contract, { ...Contract.calling(call), answers: cache.of(scopes) })
  return {
    answers: cache,
    calls: () => calls,
    happen: () => void seq++,
    run,
    ask: (scopes = READ) => run(query, ping, scopes),
    during: (during: Effect.Effect<unknown>) =>
      run(query, (method, params) => Effect.tap(ping(method, params), during)),
  }
})

describe("AnswerCache", () => {
  it.effect("A cached query runs once while no event happens.", () =>
    Effect.gen(function* () {
      const { answers, ask, calls } = yield* gateway
      const first = yield* ask()
      expect(yield* ask()).toBe(first)
      expect(answers.of(READ).get(query)).toBe(first)
      expect(calls()).toBe(1)
    }),
  )

  it.effect("A cached query runs again after an event.", () =>
    Effect.gen(function* () {
      const { ask, happen } = yield* gateway
      yield* ask()
      happen()
      expect(yield* ask()).toEqual({ at: 2 })
    }),
  )

  it.effect("An answer is stale if an event happens while its query runs.", () =>
    Effect.gen(function* () {
      const { ask, during, happen } = yield* gateway
      yield* during(Effect.sync(happen))
      expect(yield* ask()).toEqual({ at: 2 })
    }),
  )

  it.effect("An answer is stale after a second, and when somebody sets the clock back.", () =>
    Effect.gen(function* () {
      const { ask } = yield* gateway
      yield* TestClock.setTime(10_000)
      yield* ask()
      yield* TestClock.adjust(999)
      expect(yield* ask()).toEqual({ at: 1 })
      yield* TestClock.adjust(1)
      expect(yield* ask()).toEqual({ at: 2 })
      yield* TestClock.setTime(9_000)
      expect(yield* ask()).toEqual({ at: 3 })
    }),
  )

  it.effect("Callers share an answer if they have the same scopes in any order.", () =>
    Effect.gen(function* () {
      const { ask } = yield* gateway
      yield* ask(["operator.read", "operator.pairing"])
      expect(yield* ask(["operator.pairing", "operator.read"])).toEqual({ at: 1 })
      expect(yield* ask(["operator.read"])).toEqual({ at: 2 })
      expect(yield* ask([])).toEqual({ at: 3 })
    }),
  )

  it.effect("A query that failed runs again.", () =>
    Effect.gen(function* () {
      const { ask, run } = yield* gateway
      yield* Effect.flip(run(query, () => Effect.fail({ _tag: "Internal" })))
      expect(yield* ask()).toEqual({ at: 1 })
    }),
  )

  it.effect("A query that contains a cached query shares that answer and is not cached itself.", () =>
    Effect.gen(function* () {
      const { answers, calls, run } = yield* gateway
      const both = Effect.all({ one: query, two: query, own: call("health", {}) })
      const { one, own, two } = yield* run(both)
      expect(two).toBe(one)
      expect(own).toEqual({ at: 2 })
      expect(answers.of(READ).get(both)).toBeUndefined()
      expect(outcomeOf(both)).toBeUndefined()
      expect(calls()).toBe(2)
    }),
  )

  it.effect("The JSON text of a cached answer is made once.", () =>
    Effect.gen(function* () {
      const { answers, ask } = yield* gateway
      const answer = yield* ask()
      expect(answers.json(answer)?.()).toBe('{"at":1}')
      expect(answers.json({ at: 1 })).toBeUndefined()
      expect(answers.json("text")).toBeUndefined()
    }),
  )
})
