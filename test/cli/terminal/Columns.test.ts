import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { columns, padded, truncated } from "../../../src/cli/terminal/Columns.ts"

const graphemes = (text: string) => Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment)

const Texts = Schema.Array(Schema.Literals(["a", " ", "é", "e\u0301", "漢", "🦀", "👩‍👩‍👧‍👦", "🇨🇭", "ｶﾞ", "नि"]))

const Width = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 12 }))

const Where = Schema.Literals(["end", "middle"])

describe("columns and padded", () => {
  it.each([
    ["plain", 5],
    ["漢字", 4],
    ["e\u0301", 1],
    ["👩‍👩‍👧‍👦", 2],
    ["🇨🇭", 2],
    ["ﾊﾝｶｸ", 4],
    ["", 0],
  ])("The text %j has %i columns.", (text, width) => {
    expect(columns(text)).toBe(width)
    expect(padded(text, 10)).toBe(text + " ".repeat(10 - width))
  })
})

describe("truncated", () => {
  it.prop(
    "A truncated text fits into its width and keeps whole graphemes.",
    [Texts, Width, Where],
    ([all, width, where]) => {
      const text = all.join("")
      const shown = truncated(text, width, where)
      expect(columns(shown)).toBeLessThanOrEqual(width)
      if (columns(text) <= width) return expect(shown).toBe(text)
      const [start = "", end = ""] = shown.split("…")
      const whole = graphemes(text)
      expect(graphemes(start)).toEqual(whole.slice(0, graphemes(start).length))
      expect(graphemes(end)).toEqual(end === "" ? [] : whole.slice(-graphemes(end).length))
    },
  )

  it("An ellipsis marks the missing text.", () => {
    expect(truncated("one two three", 8)).toBe("one two…")
    expect(truncated("agent:main:telegram:peer", 15, "middle")).toBe("agent:m…am:peer")
    expect(truncated("漢字漢字", 5)).toBe("漢字…")
    expect(truncated("🦀🦀", 3)).toBe("🦀…")
  })

  it("The work is bounded by the width, not by the length of the text.", () => {
    expect(truncated("e".concat("\u0301".repeat(10_000_000)), 10).length).toBeLessThan(400)
    expect(truncated("x".repeat(10_000_000), 10, "middle")).toBe("xxxxx…xxxx")
  })
})
