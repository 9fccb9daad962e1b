import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { answersProblem, partsProblem, questionLines, separate, typed } from "../../src/domain/Answers.ts"
import { part } from "../support/AskingRuntime.ts"

const color = part("color", { options: [{ label: "Red" }, { label: "Dark blue", description: "at night" }] })
const sizes = part("sizes", { options: [{ label: "S" }, { label: "L" }], isMultiple: true, isFree: true })
const secret = part("key", { isSecret: true })
const name = part("name")

const Word = Schema.String.check(Schema.isPattern(/^[a-z][a-z ]{0,8}[a-z]$/))

describe("Typed answers", () => {
  it("An option counts by its text in any case and by its number. Commas separate several answers.", () => {
    expect(typed([color], "dark BLUE")).toEqual({ color: ["Dark blue"] })
    expect(typed([color], " 2 ")).toEqual({ color: ["Dark blue"] })
    expect(typed([sizes], "1, xl ,L")).toEqual({ sizes: ["S", "xl", "L"] })
    expect(typed([name], "ann  lee")).toEqual({ name: ["ann  lee"] })
  })

  it("Several parts take key=answer, in any order.", () => {
    expect(typed([color, name, sizes], "name=ann lee sizes=1,2 color=red")).toEqual({
      color: ["Red"],
      name: ["ann lee"],
      sizes: ["S", "L"],
    })
    expect(typed([color], "color=red")).toEqual({ color: ["Red"] })
    expect(typed([color, name], "red")).toEqual({})
    expect(typed([color, name], "name=a=b name=c")).toEqual({ name: ["a=b name=c"] })
  })

  it("A secret stays as it is.", () => {
    expect(typed([secret], "  key=a  b ")).toEqual({ key: ["  key=a  b "] })
  })

  it.prop("Each part gets its own text.", [Word, Word], ([first, second]) => {
    expect(typed([name, part("other")], `name=${first} other=${second}`)).toEqual({
      name: [first.split(/\s+/).join(" ")],
      other: [second.split(/\s+/).join(" ")],
    })
  })
})

describe("The check of answers", () => {
  it("Free text besides the options counts only where the part allows it.", () => {
    expect(answersProblem([sizes], { sizes: ["S", "huge"] })).toBeUndefined()
    expect(answersProblem([color], { color: ["green"] })).toContain('takes "Red", "Dark blue" only')
    expect(answersProblem([sizes], { sizes: ["S", "S"] })).toContain("the same answer twice")
  })

  it.prop("No problem shows the answer.", [Schema.String], ([text]) => {
    const answer = `hunter2 ${text}`
    for (const answers of [{ key: [answer, "x"] }, { key: [answer, answer] }, { other: [answer] }]) {
      expect(answersProblem([secret], answers)).not.toContain(answer)
    }
  })

  it("A secret part has neither options nor several answers, and keys are different.", () => {
    expect(partsProblem([secret, name])).toBeUndefined()
    expect(partsProblem([{ ...secret, isMultiple: true }])).toContain('"key" is secret')
    expect(partsProblem([name, name])).toContain("same key")
  })
})

it("Secret answers are separated from the others.", () => {
  expect(separate([secret, name], { key: ["k"], name: ["n"] })).toEqual({
    open: { name: ["n"] },
    secret: { key: ["k"] },
  })
})

it("The lines of a question number the options and name the keys of several parts.", () => {
  expect(questionLines([color])).toEqual(["Which color?", "  1. Red", "  2. Dark blue: at night"])
  expect(questionLines([secret, sizes])).toEqual([
    "key: Which key?",
    "  The answer is secret.",
    "sizes: Which sizes?",
    "  1. S",
    "  2. L",
    "  Several answers are possible. Separate them by commas.",
    "  Another answer is possible.",
  ])
})
