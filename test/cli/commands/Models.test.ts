import { expect, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { cli, failure, json } from "../../support/CommandLine.ts"
import { KEY } from "../../support/FakeModels.ts"
import * as FakeProvider from "../../support/FakeProvider.ts"
import * as TestGateway from "../../support/TestGateway.ts"

class Fake extends Context.Service<Fake, FakeProvider.FakeProvider>()("test/Fake") {}

/** A gateway with one provider, which is a fake. */
const gateway = Layer.unwrap(
  Effect.map(Fake, ({ baseUrl }) =>
    TestGateway.layer({
      logLevel: "info",
      providers: { fake: { baseUrl: baseUrl.openai, apiKey: KEY, headers: { "x-secret": "hidden-header" } } },
    }),
  ),
).pipe(Layer.provideMerge(Layer.effect(Fake, FakeProvider.make)))

layer(gateway, { excludeTestServices: true })("causeway models", (it) => {
  it.effect("The list has the models of the runtimes.", () =>
    Effect.gen(function* () {
      expect(json(yield* cli("models", "list", "--json"))).toMatchObject({ models: expect.any(Array) })
      expect((yield* cli("models", "list")).stdout).toMatch(/^MODEL +RUNTIME +CONTEXT/)
    }),
  )

  it.effect("A test shows the answer of a model.", () =>
    Effect.gen(function* () {
      expect((yield* cli("models", "test", "fake/text")).stdout).toMatch(
        /^fake\/text answered in \d+ ms: Hello wörld\n$/,
      )
      expect(json(yield* cli("models", "test", "fake", "--json"))).toMatchObject({ model: "fake/text" })
    }),
  )

  it.effect("A failed test shows the problem with its next step and without the key.", () =>
    Effect.gen(function* () {
      expect(failure(yield* cli("models", "test", "fake/wrong-key"))).toEqual({
        code: 1,
        line: 'causeway: provider "fake" rejects the key (status 401): correct apiKey of providers.fake',
      })
      expect(failure(yield* cli("models", "test", "nowhere")).line).toContain('no provider "nowhere"')
    }),
  )

  it.effect("The configuration in force and the log show no key of a provider.", () =>
    Effect.gen(function* () {
      const fake = yield* Fake
      fake.script("echoes-key", (answer) =>
        answer.fail({ status: 500, message: `bad key ${KEY}`, headers: { "retry-after-ms": "1" } }),
      )
      expect(failure(yield* cli("models", "test", "fake/echoes-key")).line).toContain("bad key <redacted>")
      const config = (yield* cli("call", "config.get")).stdout
      expect(config).toContain("fake")
      const log = (yield* cli("call", "logs.tail", "{}")).stdout
      expect(log).toContain("attempt 2 follows")
      for (const text of [config, log]) expect(text).not.toMatch(new RegExp(`${KEY}|hidden-header`))
    }),
  )
})
