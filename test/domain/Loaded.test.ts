import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Loaded from "../../src/domain/Loaded.ts"

/** Counts its loads. The first one fails. */
const flaky = () => {
  let loads = 0
  return Effect.suspend(() => (++loads === 1 ? Effect.die(new Error("no such file")) : Effect.succeed(loads)))
}

describe("Loaded.once", () => {
  it.effect("All uses get the value of the first load.", () =>
    Effect.gen(function* () {
      let loads = 0
      const loaded = yield* Loaded.once(Effect.sync(() => ++loads))
      expect(yield* Effect.all([loaded, loaded, loaded], { concurrency: "unbounded" })).toEqual([1, 1, 1])
      expect(yield* loaded).toBe(1)
    }),
  )

  it.effect("A use after a failed load loads again, and its value stays.", () =>
    Effect.gen(function* () {
      const loaded = yield* Loaded.once(flaky())
      expect(yield* Effect.exit(loaded)).toMatchObject({ _tag: "Failure" })
      expect([yield* loaded, yield* loaded]).toEqual([2, 2])
    }),
  )

  it.effect("A use after an interrupted load loads again.", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      let loads = 0
      const load = Effect.suspend(() =>
        ++loads === 1 ? Effect.andThen(Deferred.succeed(begun, undefined), Effect.never) : Effect.succeed(loads),
      )
      const loaded = yield* Loaded.once(load)
      const first = yield* Effect.forkChild(loaded)
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(first)
      expect(yield* loaded).toBe(2)
    }),
  )
})
