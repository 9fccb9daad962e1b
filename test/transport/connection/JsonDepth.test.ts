import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { isDeeperThan } from "../../../src/transport/connection/JsonDepth.ts"

const depthOf = (value: unknown): number =>
  typeof value !== "object" || value === null
    ? 0
    : 1 + Object.values(value).reduce<number>((deepest, inner) => Math.max(deepest, depthOf(inner)), 0)

describe("JsonDepth", () => {
  it.prop(
    "The depth of a text is the depth of its value.",
    [Schema.Json],
    ([value]) => {
      const depth = depthOf(value)
      const text = JSON.stringify(value)
      expect(isDeeperThan(depth, text)).toBe(false)
      if (depth > 0) expect(isDeeperThan(depth - 1, text)).toBe(true)
    },
    { arbitrary: { size: 30 } },
  )

  it("Brackets within strings do not count, whatever the strings escape.", () => {
    const brackets = "[{".repeat(100)
    for (const text of [brackets, `"${brackets}`, `\\"${brackets}\\`, `\\\\${brackets}`]) {
      expect(isDeeperThan(1, JSON.stringify([text]))).toBe(false)
      expect(isDeeperThan(1, JSON.stringify({ [text]: text }))).toBe(false)
    }
  })

  it("The depth of a text that would break a parser is found.", () => {
    expect(isDeeperThan(64, "[".repeat(4_000_000))).toBe(true)
    expect(isDeeperThan(64, '{"a":'.repeat(65) + "1" + "}".repeat(65))).toBe(true)
    expect(isDeeperThan(64, '{"a":'.repeat(64) + "1" + "}".repeat(64))).toBe(false)
  })

  it("A text with an unclosed quote has the depth of the part before it.", () => {
    expect(isDeeperThan(1, `[["${"[".repeat(100)}`)).toBe(true)
    expect(isDeeperThan(2, `[["${"[".repeat(100)}`)).toBe(false)
  })
})
