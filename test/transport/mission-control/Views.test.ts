/** Views: the rows of Mission Control. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { memoryRow } from "../../../src/transport/mission-control/Views.ts"

const AT = 1_700_000_000_000

describe("Views", () => {
  it.prop(
    "A memory row has at most 5000 characters and ends at a whole character.",
    [Schema.Int.check(Schema.isBetween({ minimum: 4_990, maximum: 5_010 }))],
    ([length]) => {
      const { content } = memoryRow({ id: "x", size: 1, modifiedAt: AT, content: `${"x".repeat(length)}😀😀😀😀😀😀` })
      expect(content.length).toBeLessThanOrEqual(5_000)
      expect(content.length).toBeGreaterThanOrEqual(4_999)
      expect(content.isWellFormed()).toBe(true)
    },
  )
})
