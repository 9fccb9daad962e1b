/** The size of a start: an idle gateway with the defaults loads only the code that it uses. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import * as Bundle from "../support/Bundle.ts"
import { program, temporaryFolder } from "../support/GatewayProcess.ts"

/** The features whose code loads at their first use, with the packages and files of that code. */
const late = {
  "command-line agents": /@agentclientprotocol|\/zod\/|services\/runtimes\/acp\/AcpRuntime\.ts/,
  "configuration files": /\/yaml\//,
  MCP: /effect\/dist\/ai\/Mcp|transport\/mcp\/McpEndpoint/,
  models: /services\/models\/(openai|anthropic|ai-sdk)\/\w+Provider\.ts|runtimes\/model\/ModelRun\.ts/,
  PostgreSQL: /sql-pg|storage\/postgres/,
  "requests to other servers": /\/undici\/|NodeHttpClient/,
  telemetry: /OtlpExport|MetricsExport/,
  "upstream gateways": /src\/openclaw-client\/OpenClawClient|UpstreamSync|UpstreamRun\.ts/,
}

/** Node's modules that take milliseconds and megabytes. */
const lateBuiltins = new Set(["https", "http2", "tls", "internal/deps/undici/undici", "inspector", "readline/promises"])

describe("An idle start", () => {
  it.live("An idle gateway with the defaults has loaded none of the code that it does not use.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const bundle = yield* Effect.promise(() => Bundle.make(folder))
      const args = ["start", "--port", "0", "--state-dir", join(folder, "state")]
      const gateway = yield* program(bundle.main, args, { env: bundle.env })
      yield* gateway.prints("Ctrl-C")
      const url = /listens on (\S+)/.exec(gateway.stdout())?.[1]
      expect((yield* Effect.promise(() => fetch(`${url}/ready`))).status).toBe(200)
      gateway.signal("SIGTERM")
      expect((yield* gateway.exit).code).toBe(0)
      const { builtins, characters, modules } = bundle.census()
      for (const [of, pattern] of Object.entries(late)) {
        expect.soft(bundle.modules, of).toEqual(expect.arrayContaining([expect.stringMatching(pattern)]))
        expect
          .soft(
            modules.filter((module) => pattern.test(module)),
            of,
          )
          .toEqual([])
      }
      expect.soft(builtins.filter((name) => lateBuiltins.has(name))).toEqual([])
      // The bounds leave room for a few small modules. Load new code at its first use instead of raising them.
      expect.soft(modules.length).toBeLessThan(900)
      expect.soft(characters).toBeLessThan(2_700_000)
    }),
  )
})
