import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type ConfigChange, edited } from "../../../src/cli/config/ConfigEdit.ts"

const changes: ReadonlyArray<ConfigChange> = [
  { option: "providers", entry: "openai", value: { apiKeyVariable: "OPENAI_API_KEY" } },
  { option: "model", value: "openai/gpt-5" },
]

const edit = (text: string, wanted = changes) => edited("config.yaml", text, wanted)

describe("edited", () => {
  it.effect("An empty file and a file of comments get the options.", () =>
    Effect.gen(function* () {
      const options = "providers:\n  openai:\n    apiKeyVariable: OPENAI_API_KEY\nmodel: openai/gpt-5\n"
      expect(yield* edit("")).toBe(options)
      expect(yield* edit("# mine\n")).toBe(`# mine\n\n${options}`)
    }),
  )

  it.effect("Comments, the order of options and other entries stay.", () =>
    Effect.gen(function* () {
      const text = `# The gateway of the shop.
port: 4000 # behind nginx
providers:
  # Runs in the cellar.
  ollama:
    baseUrl: http://127.0.0.1:11434/v1
model: ollama/qwen3:8b # small
drainMs: 9
`
      expect(yield* edit(text)).toBe(
        text
          .replace("/v1\n", "/v1\n  openai:\n    apiKeyVariable: OPENAI_API_KEY\n")
          .replace("ollama/qwen3:8b", "openai/gpt-5"),
      )
    }),
  )

  it.effect("An entry with the name stays as it is.", () =>
    Effect.gen(function* () {
      const text = "providers:\n  openai:\n    apiKeyFile: ~/key\n"
      expect(yield* edit(text)).toBe(`${text}model: openai/gpt-5\n`)
    }),
  )

  it.effect("The block `gateway` gets the options, except those that the top level has.", () =>
    Effect.gen(function* () {
      expect(yield* edit("gateway:\n  port: 1\nmodel: a/b\n")).toBe(
        "gateway:\n  port: 1\n  providers:\n    openai:\n      apiKeyVariable: OPENAI_API_KEY\nmodel: openai/gpt-5\n",
      )
    }),
  )

  it.effect("An option without a value becomes a record.", () =>
    Effect.gen(function* () {
      expect(yield* edit("providers:\n")).toContain("providers:\n  openai:\n    apiKeyVariable: OPENAI_API_KEY\n")
    }),
  )

  it.effect("A change without a value removes the option, if there is one.", () =>
    Effect.gen(function* () {
      const remove = [{ option: "model", value: undefined }]
      expect(yield* edit("port: 1\nmodel: a/b\n", remove)).toBe("port: 1\n")
      expect(yield* edit("port: 1\n", remove)).toBe("port: 1\n")
      expect(yield* edit("", remove)).not.toContain("model")
    }),
  )

  it.effect("A record behind an alias is left to the user.", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(edit("base: &all\n  a: {}\nproviders: *all\n"))
      expect(error.message).toMatch(/^cannot change config\.yaml \(.+\): add the provider by hand/)
    }),
  )
})
