import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { CloseCodes, lookUp, reasonOf } from "../../../src/transport/connection/CloseCodes.ts"

describe("CloseCodes", () => {
  it("All entries of one code agree on whether to reconnect.", () => {
    const rows = Object.values(CloseCodes)
    for (const { code, reconnect } of rows) expect(lookUp(code)?.reconnect).toBe(reconnect)
    expect(new Set(rows.map(({ reason }) => reason)).size).toBe(rows.length)
  })

  it("Every code is one that RFC 6455 7.4 and the registry of IANA allow.", () => {
    const assigned = new Set([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014])
    for (const { code } of Object.values(CloseCodes)) {
      expect(assigned.has(code) || (code >= 4000 && code < 5000)).toBe(true)
    }
  })

  it("The table advises reconnecting only where it helps.", () => {
    expect(lookUp(1012)?.reconnect).toBe(true)
    expect(lookUp(4008)?.reconnect).toBe(true)
    expect(lookUp(4009)?.reconnect).toBe(true)
    expect(lookUp(1009)?.reconnect).toBe(false)
    expect(lookUp(CloseCodes.unauthenticated.code)?.reconnect).toBe(false)
  })

  it.prop(
    "Every reason fits a close frame and is cut between characters.",
    [Schema.String],
    ([detail]) => {
      const reason = reasonOf(CloseCodes.policy, detail)
      const full = `${CloseCodes.policy.reason}: ${detail}`
      expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123)
      expect(full.startsWith(reason)).toBe(true)
      if (Buffer.byteLength(full) <= 123) expect(reason).toBe(full)
      expect(reason.isWellFormed() || !detail.isWellFormed()).toBe(true)
    },
    { arbitrary: { size: 120 } },
  )

  it("A long detail is cut to the size of a close frame.", () => {
    expect(reasonOf(CloseCodes.operator, "x".repeat(1_000))).toHaveLength(123)
    expect(Buffer.byteLength(reasonOf(CloseCodes.operator, "😀".repeat(100)))).toBeGreaterThan(123 - 4)
  })
})
