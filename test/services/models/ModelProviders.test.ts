import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { ModelProblem } from "../../../src/domain/Model.ts"
import { Providers } from "../../../src/domain/Provider.ts"
import { ModelProviders } from "../../../src/services/models/ModelProviders.ts"
import { ProviderKinds } from "../../../src/services/models/ProviderKinds.ts"
import * as FakeModels from "../../support/FakeModels.ts"
import * as FakeProvider from "../../support/FakeProvider.ts"

const fakeOnly = (fake: FakeProvider.FakeProvider) => ({
  fake: { baseUrl: fake.baseUrl.openai, apiKey: FakeModels.KEY },
})

describe("ModelProviders", () => {
  it.live.each([
    [
      "gpt",
      "configuration",
      'the model "gpt" names no provider: write provider/model. The configuration has these providers: fake.',
    ],
    [
      "other/gpt",
      "configuration",
      'no provider "other": add it to the option providers. The configuration has these providers: fake.',
    ],
  ] as const)("The model %s has a problem that names the next step.", ([id, kind, message]) =>
    FakeModels.withProviders(fakeOnly, (service) =>
      Effect.map(Effect.flip(service.resolve(id)), (problem) => expect(problem).toMatchObject({ kind, message })),
    ),
  )

  it.live("A provider of an unknown kind has a problem that lists the kinds.", () =>
    FakeModels.withProviders(
      () => ({ x: { kind: "nonsense" } }),
      Effect.fnUntraced(function* (service) {
        const { message } = yield* Effect.flip(service.resolve("x/model"))
        expect(message).toBe('provider "x" has the unknown kind "nonsense": use one of openai, anthropic, ai-sdk')
      }),
    ),
  )

  it.live("A provider whose key was not found has a problem that names the reference.", () =>
    FakeModels.withProviders(
      () => ({ x: { apiKeyVariable: "MISSING_KEY" } }),
      Effect.fnUntraced(function* (service) {
        const problem = yield* Effect.flip(service.resolve("x/model"))
        expect(problem.kind).toBe("authentication")
        expect(problem.message).toContain("the variable MISSING_KEY was empty")
      }),
    ),
  )

  it.live("The list has the models of all providers, and those of the configuration in place of the provider's.", () =>
    FakeModels.withProviders(
      (fake) => ({
        all: { baseUrl: fake.baseUrl.openai },
        some: {
          kind: "anthropic",
          baseUrl: fake.baseUrl.anthropic,
          models: ["claude-opus-4", { id: "b", contextWindow: 7 }],
        },
        broken: { baseUrl: "http://127.0.0.1:9/v1" },
      }),
      Effect.fnUntraced(function* (service, fake) {
        fake.models = {
          data: [
            {
              id: "vendor/a",
              name: "A",
              context_length: 1_000,
              pricing: { prompt: "0.000002", completion: "0.00001" },
            },
            { id: "gpt-4o-mini" },
            { id: 7 },
            "nonsense",
          ],
        }
        const input = ["image", "pdf"]
        expect(yield* service.list).toEqual([
          { id: "all/vendor/a", name: "A", contextWindow: 1_000, cost: { input: 2, output: 10 } },
          { id: "all/gpt-4o-mini", name: "gpt-4o-mini", contextWindow: 128_000, maxOutputTokens: 16_384, input },
          { id: "some/claude-opus-4", name: "claude-opus-4", contextWindow: 200_000, maxOutputTokens: 32_000, input },
          { id: "some/b", name: "b", contextWindow: 7 },
        ])
        fake.models = { data: [] }
        expect(yield* service.list).toHaveLength(4)
      }),
    ),
  )

  it.live("A model that only the provider's list describes gets its facts.", () =>
    FakeModels.withProviders(
      fakeOnly,
      Effect.fnUntraced(function* (service, fake) {
        fake.models = { data: [{ id: "local", max_model_len: 32_768 }] }
        expect(yield* service.resolve("fake/local")).toMatchObject({
          id: "fake/local",
          provider: "fake",
          contextWindow: 32_768,
        })
        expect((yield* service.resolve("fake/other")).contextWindow).toBeNull()
      }),
    ),
  )

  it.live("A test returns the answer of a model, or of the provider's first model.", () =>
    FakeModels.withProviders(
      fakeOnly,
      Effect.fnUntraced(function* (service, fake) {
        expect(yield* service.test("fake/thinking")).toMatchObject({ model: "fake/thinking", text: "Hello wörld" })
        expect(yield* service.test("fake")).toMatchObject({ model: "fake/text", usage: { inputTokens: 15 } })
        expect((yield* Effect.flip(service.test("fake/quota"))).kind).toBe("quota")
        fake.models = {}
      }),
    ),
  )

  it.live("A redirect to another host fails, and the other host never sees the key.", () =>
    Effect.gen(function* () {
      const other = yield* FakeProvider.make
      yield* FakeModels.withProviders(
        fakeOnly,
        Effect.fnUntraced(function* (service, fake) {
          fake.script("moved", (answer) =>
            answer.whole(307, "text/plain", "", { location: `${other.url}/v1/chat/completions` }),
          )
          const { languageModel } = yield* service.resolve("fake/moved")
          const { problem } = yield* FakeModels.say(languageModel)
          expect(problem?.kind).toBe("configuration")
          expect(problem?.message).toContain(`redirects to ${new URL(other.url).host}`)
        }),
      )
      expect(other.requests).toEqual([])
    }),
  )

  it.effect("A kind that a program adds serves its providers, and a failed start is tried again.", () => {
    let attempts = 0
    const kind = ProviderKinds.add({
      name: "mine",
      make: ({ name }) =>
        ++attempts === 1
          ? Effect.fail(new ModelProblem({ kind: "network", provider: name, message: "not yet" }))
          : Effect.succeed({ models: Effect.succeed([]), languageModel: () => Effect.die("not called") }),
    })
    return Effect.gen(function* () {
      const { list, names, test } = yield* ModelProviders
      expect(names).toEqual(["a"])
      expect((yield* Effect.flip(test("a"))).message).toBe("not yet")
      expect(yield* list).toEqual([])
    }).pipe(
      Effect.provide(
        ModelProviders.layer.pipe(
          Layer.provide(kind),
          Layer.provide(ProviderKinds.layer),
          Layer.provide(GatewayConfig.layer({ providers: { a: { kind: "mine" } } })),
        ),
      ),
    )
  })

  it.live("A reload replaces, adds and removes providers, and an unchanged one keeps its list of models.", () =>
    Effect.gen(function* () {
      const made: Array<string> = []
      let lists = 0
      const kind = ProviderKinds.add({
        name: "mine",
        make: ({ apiKey, name }) =>
          Effect.sync(() => {
            made.push(`${name} ${apiKey === undefined ? "" : Redacted.value(apiKey)}`)
            return {
              models: Effect.sync(() => {
                lists++
                return [{ id: name, name, contextWindow: 1_000 }]
              }),
              languageModel: () => Effect.die("not called"),
            }
          }),
      })
      const decode = Schema.decodeUnknownSync(Providers)
      const before = {
        kept: { kind: "mine", apiKey: "key" },
        changed: { kind: "mine", apiKey: "old" },
        gone: { kind: "mine" },
      }
      yield* Effect.gen(function* () {
        const providers = yield* ModelProviders
        const ids = Effect.map(providers.list, (models) => models.map(({ id }) => id))
        expect(yield* ids).toEqual(["kept/kept", "changed/changed", "gone/gone"])
        yield* providers.replace(
          decode({
            added: { kind: "mine" },
            kept: { kind: "mine", apiKey: "key" },
            changed: { kind: "mine", apiKey: "new" },
          }),
        )
        expect(providers.names).toEqual(["added", "kept", "changed"])
        expect(yield* ids).toEqual(["added/added", "kept/kept", "changed/changed"])
        expect(made).toEqual(["kept key", "changed old", "gone ", "added ", "changed new"])
        expect(lists).toBe(5)
        expect((yield* Effect.flip(providers.resolve("gone/gone"))).message).toContain('no provider "gone"')
      }).pipe(
        Effect.provide(
          ModelProviders.layer.pipe(
            Layer.provide(kind),
            Layer.provide(ProviderKinds.layer),
            Layer.provide(GatewayConfig.layer({ providers: before })),
          ),
        ),
      )
    }),
  )

  it.effect("Two kinds with one name are a mistake of the program.", () =>
    Effect.gen(function* () {
      const kind = { name: "twice", make: () => Effect.die("not called") }
      const exit = yield* Effect.exit(
        Layer.build(ProviderKinds.add(kind, kind).pipe(Layer.provide(ProviderKinds.layer))),
      )
      expect(String(exit)).toContain('Two kinds of providers have the name "twice"')
    }),
  )
})
