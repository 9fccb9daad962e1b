import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { MAX_VALUES, shapeProblem } from "../../../src/transport/connection/JsonShape.ts"

const isDeeperThan = (depth: number, text: string) => shapeProblem(depth, text) === "too-deep"

const depthOf = (value: unknown): number =>
  typeof value !== "object" || value === null
    ? 0
    : 1 + Object.values(value).reduce<number>((deepest, inner) => Math.max(deepest, depthOf(inner)), 0)

/** The number of values in a value, with itself. */
const valuesOf = (value: unknown): number =>
  typeof value !== "object" || value === null
    ? 1
    : Object.values(value).reduce<number>((sum, inner) => sum + valuesOf(inner), 1)

describe("JsonShape", () => {
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

  it.prop(
    "A text with more values than allowed is refused, whatever its strings hold.",
    [Schema.Json],
    ([value]) => {
      const values = valuesOf(value)
      const text = JSON.stringify([value, ",".repeat(50)])
      expect(shapeProblem(1_000, text, values + 2)).toBeUndefined()
      expect(shapeProblem(1_000, text, 1)).toBe("too-many-values")
    },
    { arbitrary: { size: 30 } },
  )

  it("A long list is refused, and a long string is not.", () => {
    const list = `[${"1,".repeat(MAX_VALUES - 1)}1]`
    expect(shapeProblem(64, list)).toBeUndefined()
    expect(shapeProblem(64, `[0,${list.slice(1)}`)).toBe("too-many-values")
    expect(shapeProblem(64, JSON.stringify({ data: ",".repeat(28_000_000) }))).toBeUndefined()
    // A text of 4 MiB, the largest frame of earlier versions, cannot hold more values.
    expect(shapeProblem(64, `[${"0,".repeat(2_097_150)}0]`)).toBeUndefined()
  })
})
