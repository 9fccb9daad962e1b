/** HandshakeDeadlines: which clients end, and when. */
import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { HandshakeDeadlines } from "../../../src/transport/connection/HandshakeDeadlines.ts"
import { tick } from "../../support/Ticks.ts"

const start = Effect.gen(function* () {
  const expired: Array<string> = []
  const deadlines = yield* HandshakeDeadlines.make(100, yield* Clock.Clock, (client: string) => expired.push(client))
  const pass = (ms: number) => Effect.andThen(tick, TestClock.adjust(ms))
  return { deadlines, expired, pass }
})

describe("HandshakeDeadlines", () => {
  it.effect("Each client ends when its own time is over, and only once.", () =>
    Effect.gen(function* () {
      const { deadlines, expired, pass } = yield* start
      deadlines.add("one")
      yield* pass(60)
      deadlines.add("two")
      yield* pass(39)
      expect(expired).toEqual([])
      yield* pass(1)
      expect(expired).toEqual(["one"])
      yield* pass(59)
      expect(expired).toEqual(["one"])
      yield* pass(1)
      expect(expired).toEqual(["one", "two"])
      yield* pass(1_000)
      expect(expired).toEqual(["one", "two"])
    }),
  )

  it.effect("A client that has authenticated does not end, and does not delay the next one.", () =>
    Effect.gen(function* () {
      const { deadlines, expired, pass } = yield* start
      deadlines.add("one")
      yield* pass(50)
      deadlines.delete("one")
      deadlines.add("two")
      yield* pass(99)
      expect(expired).toEqual([])
      yield* pass(1)
      expect(expired).toEqual(["two"])
    }),
  )

  it.effect("Clients that come after a time without any end as well.", () =>
    Effect.gen(function* () {
      const { deadlines, expired, pass } = yield* start
      deadlines.add("one")
      deadlines.delete("one")
      yield* pass(1_000)
      deadlines.add("two")
      deadlines.add("three")
      yield* pass(100)
      expect(expired).toEqual(["two", "three"])
    }),
  )
})
