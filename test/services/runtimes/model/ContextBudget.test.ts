import { describe, expect, it } from "@effect/vitest"
import { ContextBudget, promptTokens } from "../../../../src/services/runtimes/model/ContextBudget.ts"
import { corrected, tokensOfText } from "../../../../src/services/runtimes/model/TokenEstimate.ts"

describe("promptTokens", () => {
  it("An answer keeps a quarter of the context, the model's own limit or 16,384 tokens, whichever is lowest.", () => {
    expect(promptTokens({ contextWindow: 8_000 })).toBe(6_000)
    expect(promptTokens({ contextWindow: 200_000 })).toBe(183_616)
    expect(promptTokens({ contextWindow: 200_000, maxOutputTokens: 4_000 })).toBe(196_000)
    expect(promptTokens({ contextWindow: null })).toBe(24_576)
  })
})

describe("ContextBudget", () => {
  it("The last count of a model's provider corrects the estimates for that model.", () => {
    const context = new ContextBudget()
    const [one, two] = [
      { id: "one", contextWindow: 8_000 },
      { id: "two", contextWindow: 8_000 },
    ]
    context.learn(one, 1_000, 1_500)
    expect([context.of(one), context.of(two)]).toEqual([4_000, 6_000])
    context.learn(one, 1_000, 750)
    expect(context.of(one)).toBe(8_000)
  })
})

describe("corrected", () => {
  it("A count that is missing or nonsense does little harm.", () => {
    expect(corrected(1.2, 100, 0)).toBe(1.2)
    expect(corrected(1.2, 0, 100)).toBe(1.2)
    expect(corrected(1, 100, 1)).toBe(0.5)
    expect(corrected(1, 100, 1_000_000)).toBe(4)
  })
})

describe("tokensOfText", () => {
  it("Scripts with more bytes have more tokens.", () => {
    expect(tokensOfText("")).toBe(0)
    expect(tokensOfText("a".repeat(35))).toBe(10)
    expect(tokensOfText("猫".repeat(35))).toBe(30)
  })
})
