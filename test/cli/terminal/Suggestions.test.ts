import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { distance, nearest } from "../../../src/cli/terminal/Suggestions.ts"

const Word = Schema.String.check(Schema.isPattern(/^[abc.]*$/), Schema.isMaxLength(8))

describe("the distance of two words", () => {
  it.prop("is 0 for the same word, and the same both ways", [Word, Word], ([a, b]) => {
    expect(distance(a, a)).toBe(0)
    expect(distance(a, b)).toBe(distance(b, a))
    expect(distance(a, b) === 0).toBe(a === b)
  })

  it.prop("is no longer by a detour", [Word, Word, Word], ([a, b, c]) => {
    expect(distance(a, c)).toBeLessThanOrEqual(distance(a, b) + distance(b, c))
  })

  it.prop("is 1 for a letter more", [Word, Word], ([a, b]) => {
    expect(distance(`${a}${b}`, `${a}x${b}`)).toBe(1)
  })
})

describe("what somebody may have meant", () => {
  const methods = ["sessions.list", "sessions.get", "agents.list", "health", "chat.send"]

  it("is the name that was misspelt", () => {
    expect(nearest("sesions.lst", methods)[0]).toBe("sessions.list")
    expect(nearest("helth", methods)).toEqual(["health"])
  })

  it("is of the same noun where the verb does not exist", () => {
    expect(nearest("sessions.remove", methods)).toEqual(["sessions.get", "sessions.list"])
  })

  it("is nothing where nothing is near", () => {
    expect(nearest("frobnicate", methods)).toEqual([])
  })
})
