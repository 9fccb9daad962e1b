import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { TokenBucket } from "../../../src/transport/connection/TokenBucket.ts"

const Pauses = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 300 })))
const PerSecond = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 }))

/** When messages pass of a client that tries after each pause, in milliseconds. */
const passed = (perSecond: number, pauses: ReadonlyArray<number>): ReadonlyArray<number> => {
  const bucket = new TokenBucket(perSecond, 0)
  let now = 0
  return pauses.flatMap((pause) => {
    now += pause
    bucket.refill(now)
    return bucket.take() ? [now] : []
  })
}

describe("TokenBucket", () => {
  it.prop(
    "No window passes more tokens than its rate and one burst.",
    [PerSecond, Pauses],
    ([perSecond, pauses]) => {
      const times = passed(perSecond, pauses)
      times.forEach((from, i) => {
        times.slice(i).forEach((to, more) => {
          expect(more + 1).toBeLessThanOrEqual(perSecond + ((to - from) * perSecond) / 1_000 + 1e-6)
        })
      })
    },
    { arbitrary: { size: 80 } },
  )

  it("A whole burst passes at once, and then the bucket knows when the next token is free.", () => {
    const bucket = new TokenBucket(10, 0)
    for (let i = 0; i < 10; i++) expect(bucket.take()).toBe(true)
    expect(bucket.take()).toBe(false)
    expect(bucket.retryAfterMs).toBe(100)
    bucket.refill(60)
    expect([bucket.take(), bucket.retryAfterMs]).toEqual([false, 40])
    bucket.refill(100)
    expect([bucket.take(), bucket.take()]).toEqual([true, false])
  })

  it("A pause saves no more than one burst.", () => {
    const bucket = new TokenBucket(3, 0)
    bucket.refill(1_000_000)
    expect([1, 2, 3, 4].map(() => bucket.take())).toEqual([true, true, true, false])
  })

  it("A bucket without a rate lets nothing pass.", () => {
    const bucket = new TokenBucket(0, 0)
    bucket.refill(60_000)
    expect([bucket.take(), bucket.retryAfterMs]).toEqual([false, 1_000])
  })
})
