import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { providerChecks } from "../../../src/cli/process/ProviderChecks.ts"
import { type GatewayOptions, GatewaySettings } from "../../../src/domain/GatewayConfig.ts"
import * as FakeProvider from "../../support/FakeProvider.ts"

const checksOf = Effect.fnUntraced(function* (options: GatewayOptions, environment = {}) {
  return yield* providerChecks(yield* Schema.decodeEffect(GatewaySettings)(options), environment)
})

/** A server that refuses every request with the status. */
const refusing = (status: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const server = createServer((_, response) =>
          response.writeHead(status, { "content-type": "application/json" }).end(`{"error":{"message":"no"}}`),
        ).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => server.close().closeAllConnections()),
    ),
    (server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
  )

describe("providerChecks", () => {
  it.live("A provider that lists models is fine, and the check sends no prompt.", () =>
    Effect.gen(function* () {
      const fake = yield* FakeProvider.make
      fake.models = { data: [{ id: "a" }, { id: "b" }] }
      expect(yield* checksOf({ providers: { fake: { baseUrl: fake.baseUrl.openai, apiKey: "k" } } })).toEqual([
        { name: "fake", fact: "answers; 2 models" },
      ])
      expect(fake.requests).toEqual([])
    }),
  )

  it.live("A refused key and a server that does not run are problems with a next step.", () =>
    Effect.gen(function* () {
      const checks = yield* checksOf({
        providers: {
          wrong: { baseUrl: yield* refusing(401), apiKey: "sk-secret" },
          gone: { baseUrl: "http://127.0.0.1:9/v1" },
        },
      })
      expect(checks).toMatchObject([
        {
          name: "wrong",
          problem: expect.stringContaining("rejects the key"),
          remedy: "correct apiKey of providers.wrong",
        },
        {
          name: "gone",
          problem: expect.stringContaining("cannot be reached"),
          remedy: expect.stringContaining("baseUrl"),
        },
      ])
      expect(JSON.stringify(checks)).not.toContain("sk-secret")
    }),
  )

  it.live("A provider without a list is fine if the configuration names its models.", () =>
    Effect.gen(function* () {
      const baseUrl = yield* refusing(404)
      const checks = yield* checksOf({ providers: { named: { baseUrl, models: ["a"] }, unnamed: { baseUrl } } })
      expect(checks).toMatchObject([
        { fact: "answers, but lists no models; `causeway models test named` asks it" },
        { problem: expect.stringContaining("404") },
      ])
    }),
  )

  it.live("A variable that is not set is a problem.", () =>
    Effect.gen(function* () {
      expect(yield* checksOf({ providers: { openai: { apiKeyVariable: "OPENAI_API_KEY" } } })).toMatchObject([
        { problem: "the variable OPENAI_API_KEY with the key of the provider is not set here" },
      ])
    }),
  )

  it.live("The program of a command-line agent is on the PATH or a problem.", () =>
    Effect.gen(function* () {
      const acp = { sh: { command: "sh" }, gone: { command: "no-such-agent" } }
      expect(yield* checksOf({ acp }, { PATH: "/bin" })).toEqual([
        { name: "acp/sh", fact: "/bin/sh" },
        {
          name: "acp/gone",
          problem: "the PATH has no program no-such-agent",
          remedy: "install it, or correct acp.gone.command",
        },
      ])
    }),
  )
})
