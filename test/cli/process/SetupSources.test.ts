import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import { join } from "node:path"
import { choose, find, type Source } from "../../../src/cli/process/SetupSources.ts"
import { type GatewayOptions, GatewaySettings } from "../../../src/domain/GatewayConfig.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"

const ollama = {
  name: "ollama",
  label: "Ollama",
  kind: "openai",
  baseUrl: "http://127.0.0.1:11434/v1",
  apiKeyVariable: undefined,
  models: [{ id: "qwen3:8b", name: "qwen3:8b", contextWindow: null }],
} as const

/** A machine with a key, a server, an installed agent and one that npx would download. */
const machine = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  for (const name of ["qwen", "claude", "npx"]) Fs.writeFileSync(join(folder, name), "", { mode: 0o755 })
  return { PATH: folder, ANTHROPIC_API_KEY: "sk-secret" }
})

const sourcesOf = Effect.fnUntraced(function* (options: GatewayOptions = {}) {
  const settings = yield* Schema.decodeEffect(GatewaySettings)(options)
  return yield* find(settings, yield* machine, Effect.succeed([ollama]))
})

const ids = (sources: ReadonlyArray<Source>) => sources.map(({ id }) => id)

describe("SetupSources.find", () => {
  it.effect("Keys come first, then servers, installed agents, and agents to download.", () =>
    Effect.gen(function* () {
      const sources = yield* sourcesOf()
      expect(sources).toMatchObject([
        { id: "anthropic", place: "ANTHROPIC_API_KEY", fields: { kind: "anthropic" } },
        { id: "ollama", place: "127.0.0.1:11434, 1 model", fields: { baseUrl: ollama.baseUrl } },
        { id: "acp/qwen", option: "acp", entry: "qwen", place: "qwen" },
        { id: "acp/claude", place: "npx downloads @agentclientprotocol/claude-agent-acp" },
      ])
      expect(sources[1]?.fields).toEqual({ baseUrl: ollama.baseUrl })
      expect(JSON.stringify(sources)).not.toContain("sk-secret")
    }),
  )

  it.effect("An entry of the configuration comes first and takes the place of a source with its name.", () =>
    Effect.gen(function* () {
      const sources = yield* sourcesOf({
        providers: { ollama: { baseUrl: "http://elsewhere/v1" }, mine: {} },
        acp: { qwen: { command: "/opt/qwen" } },
      })
      expect(ids(sources)).toEqual(["ollama", "mine", "acp/qwen", "anthropic", "acp/claude"])
      expect(sources[0]).toMatchObject({ place: "in the configuration", fields: undefined })
    }),
  )
})

describe("SetupSources.choose", () => {
  const problem = (sources: ReadonlyArray<Source>, provider?: string, yes = false) =>
    Effect.map(Effect.flip(choose(sources, provider, yes)), ({ exitCode, message }) => {
      expect(exitCode).toBe(2)
      return message
    })

  it.effect("A name chooses its source. A wrong name fails with the names or a similar one.", () =>
    Effect.gen(function* () {
      const sources = yield* sourcesOf()
      expect((yield* choose(sources, "acp/claude", false)).id).toBe("acp/claude")
      expect(yield* problem(sources, "olama")).toBe('found no provider "olama". Did you mean "ollama"?')
      expect(yield* problem(sources, "x")).toBe(
        'found no provider "x". Choose one of these: anthropic, ollama, acp/qwen, acp/claude.',
      )
    }),
  )

  it.effect("The first source without a download is the default, and no choice is an error.", () =>
    Effect.gen(function* () {
      const sources = yield* sourcesOf()
      expect((yield* choose(sources, undefined, true)).id).toBe("anthropic")
      expect(yield* problem(sources)).toMatch(/choose one with --provider, or the first with --yes$/)
      const [claude] = sources.slice(-1)
      expect(yield* problem([claude!], undefined, true)).toBe("found acp/claude: choose one with --provider")
    }),
  )

  it.effect("A machine without any source gets the next step.", () =>
    Effect.gen(function* () {
      expect(yield* problem([], undefined, true)).toMatch(/^found no key .+: set a variable such as OPENAI_API_KEY/)
    }),
  )
})
