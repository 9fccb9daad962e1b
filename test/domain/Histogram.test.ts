/** Histogram: durations in buckets. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Histogram } from "../../src/domain/Histogram.ts"

const Duration = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))

describe("Histogram", () => {
  it("A duration is in each bucket whose bound it does not exceed.", () => {
    const histogram = new Histogram()
    for (const ms of [0, 1, 1.5, 70_000]) histogram.record(ms)
    const counts = new Map(histogram.buckets())
    expect([counts.get(0.0001), counts.get(0.001), counts.get(0.0025), counts.get(60)]).toEqual([1, 2, 3, 3])
    expect([histogram.count, histogram.min, histogram.max, histogram.sum]).toEqual([4, 0, 70, 70.0025])
  })

  it.prop("The buckets count every duration up to their bound.", [Schema.Array(Duration)], ([durations]) => {
    const histogram = new Histogram()
    for (const ms of durations) histogram.record(ms)
    expect(histogram.count).toBe(durations.length)
    for (const [bound, count] of histogram.buckets()) {
      expect(count).toBe(durations.filter((ms) => ms / 1_000 <= bound).length)
    }
  })
})
