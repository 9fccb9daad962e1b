import { describe, expect, it } from "@effect/vitest"
import { knownFacts, knownInput } from "../../../src/services/models/KnownModels.ts"

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

describe("knownInput", () => {
  it("A size or version of a family that reads no images is not taken for the others.", () => {
    expect(knownInput("gemma3:4b")).toEqual(["image"])
    expect(knownInput("gemma3:1b")).toEqual([])
    expect(knownInput("o3")).toEqual(["image", "pdf"])
    expect(knownInput("o3-mini")).toEqual([])
    expect(knownInput("mistral-small3.2")).toEqual(["image"])
    expect(knownInput("mistral-small3")).toBeUndefined()
  })

  it("A word in the name of a model tells that it reads images.", () => {
    expect(knownInput("qwen2.5vl:7b")).toEqual(["image"])
    expect(knownInput("llava-llama3")).toEqual(["image"])
    expect(knownInput("my-own-model")).toBeUndefined()
  })
})
