import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { line, moment, printable, shortened, table } from "../../src/cli/Output.ts"

describe("what is shown", () => {
  it.prop("holds no character that commands a terminal, and all others", [Schema.String], ([text]) => {
    expect(printable(text)).not.toMatch(/(?![\n\t])\p{Cc}/u)
    expect(printable(text.replace(/\p{Cc}/gu, ""))).toBe(text.replace(/\p{Cc}/gu, ""))
    expect(line(text)).not.toMatch(/[\n\t]/)
  })

  it("marks what it leaves out", () => {
    expect(printable("a\u001b[2Jb\u009b1mc\nd\te")).toBe("a\u{FFFD}[2Jb\u{FFFD}1mc\nd\te")
    expect(shortened("one two three", 8)).toBe("one two…")
    expect(shortened("one two", 8)).toBe("one two")
  })

  it("tells moments to the second, in UTC", () => {
    expect(moment(Date.UTC(2026, 0, 31, 12))).toBe("2026-01-31 12:00:00Z")
  })

  it("has columns as wide as their widest cell", () => {
    expect(
      table(
        ["ID", "N", "TEXT"],
        [
          ["a", 10, null],
          ["long", 2, "two\nlines"],
        ],
      ),
    ).toBe(["ID    N   TEXT", "a     10  -", "long  2   two lines"].join("\n"))
  })
})
