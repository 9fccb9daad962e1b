import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { Fleet } from "../../../src/services/fleet/Fleet.ts"
import { follow, layerOf } from "../../support/FleetLayers.ts"
import { MemoryUpstream } from "../../support/MemoryUpstream.ts"

const ids = Effect.flatMap(Fleet, ({ list }) => Effect.map(list, ({ cards }) => cards.map(({ id }) => id)))

describe("DemoFleet", () => {
  it.effect(
    "Its agents appear after 30 seconds without an answer, and go with the first answer, again and again.",
    () => {
      const upstream = new MemoryUpstream()
      upstream.agents.set("rex", { id: "rex" })
      return Effect.gen(function* () {
        const { seen, until, untilState } = yield* follow
        const updates = (count: number) =>
          until(
            () => seen.filter(({ event }) => event._tag === "FleetUpdated" && event.cards.length > 0).length >= count,
          )
        yield* TestClock.adjust("29 seconds")
        expect(yield* ids).toEqual(["main"])
        yield* TestClock.adjust("1 second")
        yield* updates(1)
        expect((yield* ids).length).toBe(12)
        expect(yield* ids).toContain("demo:otto")
        upstream.connect()
        // The agents go, and the lists of the gateway come.
        yield* updates(3)
        expect(yield* ids).toEqual(["main", "home:rex"])
        upstream.drop()
        yield* untilState("home", "away")
        yield* TestClock.adjust("30 seconds")
        yield* updates(4)
        expect(yield* ids).toContain("demo:flip")
      }).pipe(Effect.scoped, Effect.provide(layerOf({ home: upstream.client }, { demo: true })))
    },
  )

  it.effect("Without the option, there are none.", () => {
    const upstream = new MemoryUpstream()
    return Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      expect(yield* ids).toEqual(["main"])
    }).pipe(Effect.provide(layerOf({ home: upstream.client })))
  })
})
