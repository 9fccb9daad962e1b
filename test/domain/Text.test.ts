import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { cut, parseJson, Pieces, shortened, wellFormed, withoutTrailing } from "../../src/domain/Text.ts"

const MOON = "\u{1f319}"

/** Characters of one and of two units, in any order. */
const Characters = Schema.Array(Schema.Literals(["a", "é", "\u{1f319}", "\u{1f469}\u{200d}\u{1f4bb}"]))
const Units = Schema.Array(Schema.Literals(["a", "\ud83c", "\udf19", "\u{1f319}"]))
const Length = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 }))

describe("withoutTrailing", () => {
  it("All copies of the character at the end of a text are removed, and no others.", () => {
    expect(withoutTrailing("/a//b//", "/")).toBe("/a//b")
    expect(withoutTrailing("///", "/")).toBe("")
    expect(withoutTrailing(`${"/".repeat(1_000_000)}a`, "/")).toHaveLength(1_000_001)
  })
})

describe("cut", () => {
  it("A cut never leaves half a character.", () => {
    expect(cut(`a${MOON}`, 2)).toBe("a")
    expect(cut(`a${MOON}`, 3)).toBe(`a${MOON}`)
    expect(cut(MOON, 1)).toBe("")
    expect(cut(MOON, 0)).toBe("")
    expect(cut(MOON, -1)).toBe("")
    expect(shortened(`a${MOON}b`, 2)).toBe("a…")
    expect(shortened("ab", 2)).toBe("ab")
  })

  it.prop(
    "A cut of a well-formed text is its longest well-formed beginning within the limit.",
    [Characters, Length],
    ([characters, max]) => {
      const text = characters.join("")
      const beginning = cut(text, max)
      expect(beginning.isWellFormed()).toBe(true)
      expect(text.startsWith(beginning)).toBe(true)
      expect(beginning.length).toBeLessThanOrEqual(max)
      expect(beginning.length).toBeGreaterThanOrEqual(Math.min(text.length, max - 1))
    },
  )
})

describe("parseJson", () => {
  it("Halves of characters in JSON escapes are replaced, in values and in names.", () => {
    expect(parseJson(String.raw`{"a\ud83c":["\udf19",{"b":"x\uD83C"}],"n":1,"z":null}`)).toEqual({
      "a\ufffd": ["\ufffd", { b: "x\ufffd" }],
      n: 1,
      z: null,
    })
    expect(parseJson(String.raw`"\ud83c\udf19"`)).toBe(MOON)
    expect(wellFormed("\ud83c")).toBe("\ufffd")
  })
})

describe("Pieces", () => {
  it("A character whose halves come in two pieces is whole in the second piece.", () => {
    const pieces = new Pieces()
    expect(pieces.next("good \ud83c")).toBe("good ")
    expect(pieces.next("\udf19 night")).toBe(`${MOON} night`)
    expect(pieces.next("\ud83c")).toBe("")
    expect(pieces.next("x")).toBe("\ufffdx")
  })

  it.prop("Pieces are well-formed, and lose no character that is whole.", [Schema.Array(Units)], ([texts]) => {
    const pieces = new Pieces()
    const whole = texts.map((units) => pieces.next(units.join("")))
    for (const piece of whole) expect(piece.isWellFormed()).toBe(true)
    const text = texts.flat().join("").toWellFormed()
    expect(text.startsWith(whole.join(""))).toBe(true)
    expect(text.length - whole.join("").length).toBeLessThanOrEqual(1)
  })
})
