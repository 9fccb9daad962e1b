import { describe, expect, it } from "@effect/vitest"
import { suitable } from "../../../src/services/models/DefaultModel.ts"

const order = (provider: string, ...ids: ReadonlyArray<string>) =>
  suitable(
    provider,
    ids.map((id) => ({ id, name: id, contextWindow: null })),
  ).map(({ id }) => id)

describe("suitable", () => {
  it("Models for other purposes than conversations are left out.", () => {
    expect(order("ollama", "nomic-embed-text", "qwen3:8b", "Whisper-1", "gpt-image-1")).toEqual(["qwen3:8b"])
  })

  it("The favourite of a service comes first, and the others keep their order.", () => {
    expect(order("openai", "gpt-4o", "gpt-5-mini", "gpt-5", "o3")).toEqual(["gpt-5", "gpt-4o", "gpt-5-mini", "o3"])
    expect(order("anthropic", "claude-opus-4-5", "claude-sonnet-4-5")[0]).toBe("claude-sonnet-4-5")
  })

  it("A provider without favourites keeps its order.", () => {
    expect(order("mine", "b", "a")).toEqual(["b", "a"])
    expect(order("openai")).toEqual([])
  })
})
