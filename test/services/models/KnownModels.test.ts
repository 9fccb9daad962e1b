import { describe, expect, it } from "@effect/vitest"
import { knownFacts } from "../../../src/services/models/KnownModels.ts"

describe("knownFacts", () => {
  it("The models of a family that differ from the others have figures of their own.", () => {
    expect(knownFacts("gpt-5.2")).toEqual({ contextWindow: 400_000, maxOutputTokens: 128_000 })
    expect(knownFacts("gpt-5.2-chat-latest")).toEqual({ contextWindow: 128_000, maxOutputTokens: 16_384 })
    expect(knownFacts("claude-opus-4-1-20250805")).toEqual({ contextWindow: 200_000, maxOutputTokens: 32_000 })
    expect(knownFacts("claude-3-haiku-20240307")).toEqual({ contextWindow: 200_000, maxOutputTokens: 4_096 })
  })

  it("The maker in front of a name, and capitals, do not matter.", () => {
    expect(knownFacts("openai/GPT-4.1-mini")).toEqual(knownFacts("gpt-4.1-mini"))
  })

  it("A model of an unknown family has no known figures.", () => {
    expect(knownFacts("my-own-model")).toBeUndefined()
  })
})
