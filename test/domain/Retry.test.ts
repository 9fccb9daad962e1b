import { describe, expect, it } from "@effect/vitest"
import { retryAfter } from "../../src/domain/Retry.ts"

describe("retryAfter", () => {
  it("A turn restarts at once, beside other turns, after each of the first three crashes.", () => {
    for (const crashes of [0, 1, 2, 3]) expect(retryAfter(crashes, 10)).toEqual({ alone: false, pauseMs: 0 })
  })

  it("A turn restarts alone from the fourth crash on, after pauses that grow to one minute.", () => {
    const retries = Array.from({ length: 97 }, (_, n) => retryAfter(n + 4, 1_000))
    expect(retries.every(({ alone }) => alone)).toBe(true)
    const pauses = retries.map(({ pauseMs }) => pauseMs)
    expect(pauses.slice(0, 7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000])
    expect(Math.max(...pauses)).toBe(60_000)
  })

  it("A turn without attempts left does not wait.", () => {
    for (const crashes of [2, 10, 11]) expect(retryAfter(crashes, 2)).toEqual({ alone: false, pauseMs: 0 })
  })
})
