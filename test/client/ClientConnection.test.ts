import { describe, expect, it } from "@effect/vitest"
import { backoff } from "../../src/client/ClientConnection.ts"

describe("backoff", () => {
  it("The pause between attempts doubles, is random, and has a bound.", () => {
    for (let attempt = 0; attempt < 100; attempt++) {
      for (const random of [0, 0.25, 0.999]) {
        const wait = backoff(attempt, 30_000, random)
        expect(wait).toBeLessThanOrEqual(Math.min(30_000, 250 * 2 ** Math.min(attempt, 20)))
        expect(wait).toBeGreaterThanOrEqual(0)
      }
    }
    expect(backoff(3, 30_000, 0.5)).toBe(1_000)
    expect(backoff(1_000, 30_000, 1)).toBe(30_000)
  })
})
