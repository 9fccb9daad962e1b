import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { LONGEST_MS, pauseMs } from "../../src/openclaw-client/Backoff.ts"

const Unit = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
const Failures = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 }))
const Requested = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1e9 }))

describe("pauseMs", () => {
  it("The longest pauses are 1, 2, 4, 8, 16 and then 30 seconds.", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 100].map((failures) => pauseMs(failures, 0))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ])
  })

  it.prop(
    "A pause is at least as long as the gateway requests, and never longer than the longest.",
    [Failures, Unit, Requested],
    ([failures, random, requested]) => {
      const pause = pauseMs(failures, random, requested)
      expect(pause).toBeLessThanOrEqual(LONGEST_MS)
      expect(pause).toBeGreaterThanOrEqual(Math.min(LONGEST_MS, Math.round(requested)))
      expect(pause).toBeGreaterThanOrEqual(500)
    },
  )
})
