import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { didYouMean, distance, suggestions } from "../../src/domain/Suggestions.ts"

const Word = Schema.String.check(Schema.isPattern(/^[abc.]*$/), Schema.isMaxLength(8))

describe("distance", () => {
  it.prop("The distance is 0 for equal texts and symmetric.", [Word, Word], ([a, b]) => {
    expect(distance(a, a)).toBe(0)
    expect(distance(a, b)).toBe(distance(b, a))
    expect(distance(a, b) === 0).toBe(a === b)
  })

  it.prop("The distance satisfies the triangle inequality.", [Word, Word, Word], ([a, b, c]) => {
    expect(distance(a, c)).toBeLessThanOrEqual(distance(a, b) + distance(b, c))
  })

  it.prop("One more letter has distance 1.", [Word, Word], ([a, b]) => {
    expect(distance(`${a}${b}`, `${a}x${b}`)).toBe(1)
  })
})

describe("suggestions", () => {
  const methods = ["sessions.list", "sessions.get", "agents.list", "health", "chat.send"]

  it("A misspelt name suggests the right one.", () => {
    expect(suggestions("sesions.lst", methods)[0]).toBe("sessions.list")
    expect(suggestions("helth", methods)).toEqual(["health"])
  })

  it("An unknown verb suggests methods of the same noun.", () => {
    expect(suggestions("sessions.remove", methods)).toEqual(["sessions.get", "sessions.list"])
  })

  it("A name without similar ones suggests nothing.", () => {
    expect(suggestions("frobnicate", methods)).toEqual([])
  })
})

it("A question lists the suggestions in a question.", () => {
  expect(didYouMean("a.x", [])).toBeUndefined()
  expect(didYouMean("helth", ["health"])).toBe('Did you mean "health"?')
  expect(didYouMean("a.x", ["a.one", "a.two", "a.three"])).toBe('Did you mean "a.one", "a.two" or "a.three"?')
})
