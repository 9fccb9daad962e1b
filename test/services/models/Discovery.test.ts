import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { keysIn, localServers } from "../../../src/services/models/Discovery.ts"
import * as FakeProvider from "../../support/FakeProvider.ts"

describe("Discovery", () => {
  it("Keys in the environment become providers that name the variable and not the key.", () => {
    const found = keysIn({
      OPENAI_API_KEY: "sk-secret",
      ANTHROPIC_API_KEY: "  ",
      GOOGLE_API_KEY: "secret",
      GROQ_API_KEY: undefined,
      ANTHROPIC_BASE_URL: "http://elsewhere",
    })
    expect(found.map(({ apiKeyVariable, kind, name }) => [name, kind, apiKeyVariable])).toEqual([
      ["openai", "openai", "OPENAI_API_KEY"],
      ["gemini", "openai", "GOOGLE_API_KEY"],
    ])
    expect(JSON.stringify(found)).not.toContain("secret")
    expect(keysIn({})).toEqual([])
  })

  it("The variables that other programs use for addresses count.", () => {
    expect(keysIn({ ANTHROPIC_API_KEY: "k", ANTHROPIC_BASE_URL: " http://proxy " })).toMatchObject([
      { name: "anthropic", kind: "anthropic", baseUrl: "http://proxy" },
    ])
  })

  it.live("A server on this machine that lists models is found, and silent or empty ports are not.", () =>
    Effect.gen(function* () {
      const server = yield* FakeProvider.make
      const empty = yield* FakeProvider.make
      empty.models = { data: [] }
      server.models = { data: [{ id: "qwen3:8b" }] }
      const portOf = ({ url }: FakeProvider.FakeProvider) => Number(new URL(url).port)
      const found = yield* localServers([
        ["ollama", "Ollama", portOf(server)],
        ["vllm", "vLLM", portOf(empty)],
        ["lmstudio", "LM Studio", 9],
      ])
      expect(found).toMatchObject([
        { name: "ollama", baseUrl: `${server.url}/v1`, apiKeyVariable: undefined, models: [{ id: "qwen3:8b" }] },
      ])
    }),
  )
})
