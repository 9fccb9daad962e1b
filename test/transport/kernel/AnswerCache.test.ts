import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { Scope } from "../../../src/domain/Principal.ts"
import { cached, call, Contract, outcomeOf, type Query } from "../../../src/transport/dialect/Query.ts"
import { AnswerCache } from "../../../src/transport/kernel/AnswerCache.ts"

const READ: ReadonlyArray<Scope> = ["operator.read"]

const query = cached(Effect.map(call("ping", {}), ({ at }) => ({ at })))

/** A gateway where nothing happens except `happen`, and that counts the calls. */
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
    asked: (scopes = READ) => run(query, ping, scopes),
    during: (during: Effect.Effect<unknown>) =>
      run(query, (method, params) => Effect.tap(ping(method, params), during)),
  }
})

describe("a shared answer", () => {
  it.effect("is asked for once while nothing happens, and told without asking", () =>
    Effect.gen(function* () {
      const { answers, asked, calls } = yield* gateway
      const first = yield* asked()
      expect(yield* asked()).toBe(first)
      expect(answers.of(READ).get(query)).toBe(first)
      expect(calls()).toBe(1)
    }),
  )

  it.effect("is asked for again after anything has happened", () =>
    Effect.gen(function* () {
      const { asked, happen } = yield* gateway
      yield* asked()
      happen()
      expect(yield* asked()).toEqual({ at: 2 })
    }),
  )

  it.effect("is not kept if something happens while it is asked for", () =>
    Effect.gen(function* () {
      const { asked, during, happen } = yield* gateway
      yield* during(Effect.sync(happen))
      expect(yield* asked()).toEqual({ at: 2 })
    }),
  )

  it.effect("never gets a second old, nor lives on when the clock is set back", () =>
    Effect.gen(function* () {
      const { asked } = yield* gateway
      yield* TestClock.setTime(10_000)
      yield* asked()
      yield* TestClock.adjust(999)
      expect(yield* asked()).toEqual({ at: 1 })
      yield* TestClock.adjust(1)
      expect(yield* asked()).toEqual({ at: 2 })
      yield* TestClock.setTime(9_000)
      expect(yield* asked()).toEqual({ at: 3 })
    }),
  )

  it.effect("is for those who may read as much, however they say so", () =>
    Effect.gen(function* () {
      const { asked } = yield* gateway
      yield* asked(["operator.read", "operator.pairing"])
      expect(yield* asked(["operator.pairing", "operator.read"])).toEqual({ at: 1 })
      expect(yield* asked(["operator.read"])).toEqual({ at: 2 })
      expect(yield* asked([])).toEqual({ at: 3 })
    }),
  )

  it.effect("that failed is asked for again", () =>
    Effect.gen(function* () {
      const { asked, run } = yield* gateway
      yield* Effect.flip(run(query, () => Effect.fail({ _tag: "Internal" })))
      expect(yield* asked()).toEqual({ at: 1 })
    }),
  )

  it.effect("is part of others, which are not kept", () =>
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

  it.effect("has one text", () =>
    Effect.gen(function* () {
      const { answers, asked } = yield* gateway
      const answer = yield* asked()
      expect(answers.json(answer)?.()).toBe('{"at":1}')
      expect(answers.json({ at: 1 })).toBeUndefined()
      expect(answers.json("text")).toBeUndefined()
    }),
  )
})
