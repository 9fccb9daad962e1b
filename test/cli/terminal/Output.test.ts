import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Output from "../../../src/cli/terminal/Output.ts"
import { captured } from "../../support/CapturedWriter.ts"

/** Returns the page as a program gets it. */
const textOf = (page: Output.Page) => Effect.runSync(captured(Output.print(page), false)).stdout

const Cell = Schema.Union([Schema.String, Schema.Finite, Schema.Null])
const Rows = Schema.Array(Schema.Tuple([Cell, Cell]))

/** Letters, escape sequences, and characters that change the text direction. */
const Attack = Schema.Array(Schema.Literals(["a", "\u001b]0;owned\u0007", "\u009b2J", "\u202e", "\r", "\u2067", "é"]))

const UNSAFE = /(?!\n|\t)[\p{Cc}\p{Bidi_Control}\p{Cs}\u2028\u2029]/u

describe("Output at a terminal", () => {
  it.prop(
    "No page contains a character that controls the terminal.",
    [Schema.String, Attack, Rows],
    ([text, parts, rows]) => {
      const attack = `${text}${parts.join("")}`
      const all = Effect.all([
        Output.print([attack, Output.faint(attack)]),
        Output.print(Output.table(["A", attack], [...rows, [attack, attack]])),
        Output.show(false, {}, () => Output.joined([attack, attack], "\n")),
        Output.content(attack),
        Output.note(Output.faint(attack)),
      ])
      const { stderr, stdout } = Effect.runSync(captured(all, true))
      expect(stdout).not.toMatch(UNSAFE)
      expect(stderr).not.toMatch(UNSAFE)
    },
  )

  it.prop("JSON is ASCII and decodes to the same value.", [Schema.String, Attack], ([text, parts]) => {
    const value = { text, parts }
    const { stdout } = Effect.runSync(captured(Output.json([value], 2), true))
    expect(stdout).toMatch(/^[\n -~]*$/)
    expect(JSON.parse(stdout)).toEqual(value)
  })
})

it("A pipe gets contents unchanged.", () => {
  const text = "\u001b[2J\u202eé\r\n"
  expect(Effect.runSync(captured(Output.content(text), false)).stdout).toBe(text)
  expect(JSON.parse(Effect.runSync(captured(Output.json([text]), false)).stdout)).toBe(text)
})

it("A moment is in UTC, to the second.", () => {
  expect(Output.moment(Date.UTC(2026, 0, 31, 12))).toBe("2026-01-31 12:00:00Z")
})

describe("table", () => {
  it("A column is as wide as its widest cell.", () => {
    const rows = [
      ["a", 10, null],
      ["long", 2, "two\nlines"],
    ]
    expect(textOf(Output.table(["ID", "N", "TEXT"], rows))).toBe("ID    N   TEXT\na     10  -\nlong  2   two lines\n")
  })

  it("Widths count the columns of a terminal.", () => {
    const rows = [
      ["漢字", 1],
      ["👩‍👩‍👧‍👦", 2],
      ["four", 3],
    ]
    expect(textOf(Output.table(["NAME", "N"], rows))).toBe("NAME  N\n漢字  1\n👩‍👩‍👧‍👦    2\nfour  3\n")
  })

  it("A footer explains keys that are truncated in the middle.", () => {
    const key = `agent:main:${"x".repeat(500)}:peer`
    const [, row = "", footer] = textOf(Output.table(["KEY", "N"], [[key, 1]])).split("\n")
    expect(row).toMatch(/^agent:main:x+…x+:peer {2}1$/)
    expect(row.length).toBe(83)
    expect(footer).toContain("--json")
  })
})
