/** ChatHistory: the rows that fit into the bytes of a client. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { fitting } from "../../../../src/transport/openclaw/methods/ChatHistory.ts"

const bytesOf = (rows: ReadonlyArray<string>) =>
  rows.reduce((sum, row) => sum + Buffer.byteLength(JSON.stringify(row)), 0)

describe("ChatHistory", () => {
  it.prop(
    "A page has as many of the newest rows as fit, and at least one.",
    [Schema.Array(Schema.String), Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 200 }))],
    ([rows, maxBytes]) => {
      const kept = fitting(rows, maxBytes)
      expect(kept).toEqual(rows.slice(rows.length - kept.length))
      if (kept.length > 1) expect(bytesOf(kept)).toBeLessThanOrEqual(maxBytes)
      if (rows.length > 0) expect(kept.length).toBeGreaterThan(0)
      if (kept.length < rows.length) expect(bytesOf(rows.slice(-kept.length - 1))).toBeGreaterThan(maxBytes)
    },
    { arbitrary: { runs: 300, size: 20 } },
  )
})
