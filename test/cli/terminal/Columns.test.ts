import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { columns, cut, filled } from "../../../src/cli/terminal/Columns.ts"

const graphemes = (text: string) => Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment)

const Texts = Schema.Array(Schema.Literals(["a", " ", "é", "e\u0301", "漢", "🦀", "👩‍👩‍👧‍👦", "🇨🇭", "ｶﾞ", "नि"]))

const Width = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 12 }))

const Where = Schema.Literals(["end", "middle"])

describe("the width of a text", () => {
  it.each([
    ["plain", 5],
    ["漢字", 4],
    ["e\u0301", 1],
    ["👩‍👩‍👧‍👦", 2],
    ["🇨🇭", 2],
    ["ﾊﾝｶｸ", 4],
    ["", 0],
  ])("of %j is %i columns", (text, width) => {
    expect(columns(text)).toBe(width)
    expect(filled(text, 10)).toBe(text + " ".repeat(10 - width))
  })
})

describe("a text that is cut", () => {
  it.prop(
    "is never wider than it may be, and has whole characters only",
    [Texts, Width, Where],
    ([all, width, where]) => {
      const text = all.join("")
      const shown = cut(text, width, where)
      expect(columns(shown)).toBeLessThanOrEqual(width)
      if (columns(text) <= width) return expect(shown).toBe(text)
      const [start = "", end = ""] = shown.split("…")
      const whole = graphemes(text)
      expect(graphemes(start)).toEqual(whole.slice(0, graphemes(start).length))
      expect(graphemes(end)).toEqual(end === "" ? [] : whole.slice(-graphemes(end).length))
    },
  )

  it("says where text is left out", () => {
    expect(cut("one two three", 8)).toBe("one two…")
    expect(cut("agent:main:telegram:peer", 15, "middle")).toBe("agent:m…am:peer")
    expect(cut("漢字漢字", 5)).toBe("漢字…")
    expect(cut("🦀🦀", 3)).toBe("🦀…")
  })

  it("is read no further than it is shown", () => {
    expect(cut("e".concat("\u0301".repeat(10_000_000)), 10).length).toBeLessThan(400)
    expect(cut("x".repeat(10_000_000), 10, "middle")).toBe("xxxxx…xxxx")
  })
})
