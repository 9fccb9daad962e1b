import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { make } from "../../../src/services/models/ai-sdk/AiSdkProvider.ts"
import * as Trace from "../../../src/services/traces/Trace.ts"
import * as FakeModels from "../../support/FakeModels.ts"

/** A package that answers with the parts that its option names. It records its settings and calls. */
const PACKAGE = `
export const seen = []
export const createFake = (settings) => (id) => ({
  specificationVersion: settings.version ?? "v4",
  async doStream(options) {
    seen.push({ settings, id, options })
    if (settings.traced) settings.parts[1].delta = String(options.headers?.traceparent)
    if (settings.fails) throw Object.assign(new Error(settings.fails.message), settings.fails)
    return { stream: new ReadableStream({ start(controller) {
      for (const part of settings.parts) controller.enqueue(part)
      if (!settings.hangs) controller.close()
    } }) }
  },
})
`

/** Installs the package into a new folder and returns the folder. */
const install = () => {
  const folder = mkdtempSync(join(tmpdir(), "causeway-ai-sdk-"))
  const home = join(folder, "node_modules", "fake-sdk")
  mkdirSync(home, { recursive: true })
  const manifest = { name: "fake-sdk", type: "module", exports: { ".": { import: "./index.js" } } }
  writeFileSync(join(home, "package.json"), JSON.stringify(manifest))
  writeFileSync(join(home, "index.js"), PACKAGE)
  return folder
}

const say = Effect.fnUntraced(function* (options: object, settings: { package?: string; silenceMs?: number } = {}) {
  const provider = {
    name: "sdk",
    kind: "ai-sdk",
    package: "fake-sdk",
    apiKey: Redacted.make(FakeModels.KEY),
    headers: {},
    models: [],
    silenceMs: 1_000,
    options: JSON.parse(JSON.stringify(options)),
    ...settings,
  }
  const { languageModel } = yield* make(provider, install())
  const model = yield* languageModel({ model: { id: "m", name: "m", contextWindow: null }, thinking: "low" })
  return yield* FakeModels.say(model)
})

const finish = {
  type: "finish",
  finishReason: { unified: "stop" },
  usage: { inputTokens: { total: 15, noCache: 11, cacheRead: 4 }, outputTokens: { total: 7 } },
}

describe("AiSdkProvider", () => {
  it.live("A package's text, thoughts, calls and usage arrive.", () =>
    Effect.gen(function* () {
      const said = yield* say({
        parts: [
          { type: "stream-start", warnings: [] },
          { type: "reasoning-start", id: "r" },
          { type: "reasoning-delta", id: "r", delta: "hm" },
          { type: "reasoning-end", id: "r", providerMetadata: { fake: { signature: "s" } } },
          { type: "text-start", id: "t" },
          { type: "text-delta", id: "t", delta: "Hello" },
          { type: "text-end", id: "t" },
          { type: "tool-call", toolCallId: "c", toolName: "weather", input: '{"city":"Paris"}' },
          finish,
        ],
      })
      expect(said).toMatchObject({
        text: "Hello",
        thinking: "hm",
        calls: [["c", "weather", { city: "Paris" }]],
        usage: { inputTokens: 15, cachedInputTokens: 4, outputTokens: 7 },
        problem: undefined,
      })
    }),
  )

  it.live("A call gives the trace of the run to the package as a header.", () =>
    Effect.gen(function* () {
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      const parts = [
        { type: "text-start", id: "t" },
        { type: "text-delta", id: "t", delta: "" },
        { type: "text-end", id: "t" },
        finish,
      ]
      const said = say({ traced: true, parts })
      expect((yield* Trace.within(said, traceparent)).text).toBe(traceparent)
      expect((yield* said).text).toBe("undefined")
    }),
  )

  it.live.each<readonly [options: object, kind: string]>([
    [{ fails: { message: "bad key", statusCode: 401 } }, "authentication"],
    [{ fails: { message: "slow down", statusCode: 429, responseHeaders: { "retry-after": "3600" } } }, "rate-limit"],
    [{ parts: [{ type: "error", error: { message: "x", type: "invalid_request_error" } }] }, "invalid-request"],
    [{ parts: [{ ...finish, finishReason: { unified: "content-filter" } }] }, "refusal"],
    [
      {
        parts: [
          { type: "text-start", id: "t" },
          { type: "text-delta", id: "t", delta: "Hel" },
        ],
      },
      "network",
    ],
    [{ parts: [], hangs: true }, "timeout"],
  ])("The package's answer %j is a problem of the kind %s.", ([options, kind]) =>
    Effect.gen(function* () {
      const { problem } = yield* say({ parts: [], ...options }, { silenceMs: 50 })
      expect(problem?.kind).toBe(kind)
      expect(problem?.message).toMatch(/^provider "sdk" /)
    }),
  )

  it.live("A package that is missing or has another interface is a problem that names the next step.", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(say({}, { package: "@missing/sdk" }))
      expect(missing.message).toBe(
        'provider "sdk" needs the package @missing/sdk, which is not installed: run npm install @missing/sdk',
      )
      const old = yield* Effect.flip(say({ version: "v2", parts: [] }))
      expect(old.message).toContain("(interface v2): install one for v4")
    }),
  )
})
