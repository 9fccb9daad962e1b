import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { asciiJson, line, printable, printableJson } from "../../src/domain/Printable.ts"

/** Returns whether the character with this code point must not reach a terminal. */
const isUnsafe = (code: number): boolean =>
  (code < 0x20 && code !== 0x0a && code !== 0x09) ||
  (code >= 0x7f && code <= 0x9f) ||
  [0x061c, 0x200e, 0x200f, 0x2028, 0x2029].includes(code) ||
  (code >= 0x202a && code <= 0x202e) ||
  (code >= 0x2066 && code <= 0x2069) ||
  (code >= 0xd800 && code <= 0xdfff)

const codes = (text: string) => Array.from(text, (character) => character.codePointAt(0) ?? 0)

/** Texts of few characters, with many unsafe ones. */
const Attack = Schema.Array(
  Schema.Literals(["a", "\n", "\t", "\r", "\u001b", "\u009b", "\u0007", "\u202e", "\u2066", "\u2028", "\ud83d", "é"]),
)

describe("printable", () => {
  it("A replacement character replaces each unsafe character of the Basic Multilingual Plane, and no other.", () => {
    for (let code = 0; code <= 0xffff; code++) {
      const character = String.fromCharCode(code)
      expect(printable(character)).toBe(isUnsafe(code) ? "\u{FFFD}" : character)
    }
  })

  it.prop("A printable text contains no unsafe character.", [Attack], ([parts]) => {
    expect(codes(printable(parts.join(""))).filter(isUnsafe)).toEqual([])
    expect(line(parts.join(""))).not.toMatch(/[\n\t]/)
  })

  it("Emoji and line breaks stay, and Windows line breaks become plain ones.", () => {
    expect(printable("one\r\ntwo\t👩‍👩‍👧‍👦 é 漢字")).toBe("one\ntwo\t👩‍👩‍👧‍👦 é 漢字")
    expect(printable("a\u001b[2Jb\u009b1mc")).toBe("a\u{FFFD}[2Jb\u{FFFD}1mc")
  })

  it.prop("Printable JSON encodes the same value.", [Schema.String, Attack], ([text, parts]) => {
    const value = { text, [parts.join("")]: parts }
    const safe = printableJson(JSON.stringify(value))
    expect(codes(safe).filter(isUnsafe)).toEqual([])
    expect(JSON.parse(safe)).toEqual(value)
    const ascii = asciiJson(JSON.stringify(value, undefined, 2))
    expect(ascii).toMatch(/^[\n -~]*$/)
    expect(JSON.parse(ascii)).toEqual(value)
  })
})
