import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Slices from "../../../src/services/sessions/Slices.ts"

const Length = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20_000 }))
const Seed = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 }))

const numbers = (length: number, seed: number) => Array.from({ length }, (_, n) => (n * seed) % 7_919)

describe("Slices", () => {
  it.prop("A long array is sorted and filtered as a short one is.", [Length, Seed], ([length, seed]) => {
    const items = numbers(length, seed)
    expect(Effect.runSync(Slices.sort(items, (a, b) => a - b))).toEqual(items.toSorted((a, b) => a - b))
    const isOdd = (n: number) => n % 2 === 1
    expect(Effect.runSync(Slices.filter(items, isOdd))).toEqual(items.filter(isOdd))
  })

  it("Equal items keep their order.", () => {
    const items = numbers(10_000, 3).map((n, place) => ({ n: n % 10, place }))
    const byNumber = (a: { readonly n: number }, b: { readonly n: number }) => a.n - b.n
    expect(Effect.runSync(Slices.sort(items, byNumber))).toEqual(items.toSorted(byNumber))
  })

  it.effect("Other work runs between the slices.", () =>
    Effect.gen(function* () {
      const items = numbers(20_000, 31)
      for (const work of [Slices.sort(items, (a, b) => a - b), Slices.filter(items, () => true)]) {
        const working = yield* Effect.forkChild(work)
        let turns = 0
        for (; working.pollUnsafe() === undefined; turns++) yield* Effect.yieldNow
        expect(turns).toBeGreaterThan(8)
        yield* Fiber.join(working)
      }
    }),
  )
})
