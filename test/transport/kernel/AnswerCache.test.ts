import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { Scope } from "../../../src/domain/Principal.ts"
import { all, ask, begin, known, map, run, shared } from "../../../src/transport/dialect/Query.ts"
import { AnswerCache } from "../../../src/transport/kernel/AnswerCache.ts"

const READ: ReadonlyArray<Scope> = ["operator.read"]

const counted = () => ask("ping", {}, ({ at }) => known({ at }))
const inquiry = () => shared(counted)

/** A gateway where nothing happens but `happen`, and that counts what it is asked. */
const gateway = Effect.gen(function* () {
  let seq = 0
  let calls = 0
  const clock = yield* Clock.Clock
  const answers = new AnswerCache(() => ({ epoch: "e", seq }), clock)
  const call = (_method: string, _params: unknown) => Effect.sync(() => ({ at: ++calls }))
  return {
    answers,
    calls: () => calls,
    happen: () => void seq++,
    asked: (scopes = READ) => run(inquiry(), call, undefined, answers.of(scopes)),
    during: (during: Effect.Effect<unknown>) =>
      run(inquiry(), (method, params) => Effect.tap(call(method, params), during), undefined, answers.of(READ)),
  }
})

describe("a shared answer", () => {
  it.effect("is asked for once while nothing happens, and told without asking", () =>
    Effect.gen(function* () {
      const { answers, asked, calls } = yield* gateway
      const first = yield* asked()
      expect(yield* asked()).toBe(first)
      expect(begin(inquiry(), answers.of(READ))).toEqual({ _tag: "Known", value: first })
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
      const { answers, asked } = yield* gateway
      const busy = () => Effect.fail({ _tag: "Internal" } as const)
      yield* Effect.flip(run(inquiry(), busy, undefined, answers.of(READ)))
      expect(yield* asked()).toEqual({ at: 1 })
    }),
  )

  it.effect("is part of others, which are not kept", () =>
    Effect.gen(function* () {
      const { answers, calls } = yield* gateway
      const both = () => map(all({ one: inquiry(), two: inquiry(), own: ask("health", {}, known) }), Object.keys)
      const call = () => Effect.succeed({ at: 0 })
      expect(yield* run(both(), call, undefined, answers.of(READ))).toEqual(["one", "two", "own"])
      expect(begin(both(), answers.of(READ))._tag).toBe("Ask")
      expect(calls()).toBe(0)
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
