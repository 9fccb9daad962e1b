import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { CloseCodes, lookUp, reasonOf } from "../../../src/transport/connection/CloseCodes.ts"

describe("close codes", () => {
  it("give one advice each, whatever the words", () => {
    const rows = Object.values(CloseCodes)
    for (const { code, reconnect } of rows) expect(lookUp(code)?.reconnect).toBe(reconnect)
    expect(new Set(rows.map(({ reason }) => reason)).size).toBe(rows.length)
  })

  it("may be sent (RFC 6455 7.4, and IANA's registry)", () => {
    const assigned = new Set([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014])
    for (const { code } of Object.values(CloseCodes)) {
      expect(assigned.has(code) || (code >= 4000 && code < 5000)).toBe(true)
    }
  })

  it("tell clients to come back only where it helps", () => {
    expect(lookUp(1012)?.reconnect).toBe(true)
    expect(lookUp(4008)?.reconnect).toBe(true)
    expect(lookUp(4009)?.reconnect).toBe(true)
    expect(lookUp(1009)?.reconnect).toBe(false)
    expect(lookUp(CloseCodes.unauthenticated.code)?.reconnect).toBe(false)
  })

  it.prop(
    "come with a reason that fits a close frame and is cut between characters",
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

  it("cut a long detail to as much as fits", () => {
    expect(reasonOf(CloseCodes.operator, "x".repeat(1_000))).toHaveLength(123)
    expect(Buffer.byteLength(reasonOf(CloseCodes.operator, "😀".repeat(100)))).toBeGreaterThan(123 - 4)
  })
})
