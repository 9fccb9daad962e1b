/**
 * ModelProviders: the model providers of the configuration. It resolves `provider/model` to a language model, lists the
 * models and tests them. Runtimes and the handlers of `models.*` use it. Nothing is loaded before the first use.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import * as Loaded from "../../domain/Loaded.ts"
import type { Usage } from "../../domain/Message.ts"
import { ModelProblem } from "../../domain/Model.ts"
import type { Providers } from "../../domain/Provider.ts"
import type { ThinkingLevel } from "../../domain/Run.ts"
import { cut, shortened } from "../../domain/Text.ts"
import { ModelCatalog } from "./ModelCatalog.ts"
import type { ModelFacts, ModelProvider, NamedProvider } from "./ModelProvider.ts"
import { ProviderKinds } from "./ProviderKinds.ts"

/** A model that is ready for calls. */
export interface ResolvedModel extends ModelFacts {
  /** The name of its provider. */
  readonly provider: string
  /**
   * Streams one step of a conversation. It retries only while the model has said nothing. It fails with an AiError:
   * `ModelProblems.problemOf` returns its kind and its sentence, and `ModelUsage.usageOf` reads the usage of its `finish`.
   */
  readonly languageModel: LanguageModel.LanguageModel
}

export interface ModelTest {
  /** `provider/model`. */
  readonly model: string
  /** The beginning of the answer. */
  readonly text: string
  readonly durationMs: number
  readonly usage?: Usage
}

export class ModelProviders extends Context.Service<
  ModelProviders,
  {
    /** The names of the configured providers. A reload may change them. */
    readonly names: ReadonlyArray<string>
    /**
     * Returns the model with the id `provider/model`, ready to think at the given level. Left out: the model's default.
     * Fails if the configuration has no such provider, or if the code of its kind cannot be loaded. It does not ask the
     * provider whether the model exists; the first call does.
     */
    resolve(
      id: string,
      options?: { readonly thinking?: ThinkingLevel | undefined },
    ): Effect.Effect<ResolvedModel, ModelProblem>
    /**
     * Returns the models of all providers: those of the configuration, else those that the provider lists. The lists are
     * kept for ten minutes. A provider that fails, or takes longer than 4 seconds, costs its own models and a warning.
     */
    readonly list: Effect.Effect<ReadonlyArray<ModelFacts>>
    /**
     * Asks a provider for its list of models, which costs nothing. Most providers refuse a wrong key there. Returns the
     * models of the configuration if it names some, else the list, which is empty if the provider's API has none.
     */
    check(provider: string): Effect.Effect<ReadonlyArray<ModelFacts>, ModelProblem>
    /** Sends a short prompt to `provider/model`, or to the first model of a provider. */
    test(target: string): Effect.Effect<ModelTest, ModelProblem>
    /**
     * Takes over the providers of a reloaded configuration. Providers that have not changed keep their lists, and runs in
     * progress keep the provider with which they began.
     */
    replace(providers: Providers): Effect.Effect<void>
  }
>()("causeway/services/models/ModelProviders") {
  static readonly layer: Layer.Layer<ModelProviders, never, GatewayConfig | ProviderKinds> = Layer.effect(
    ModelProviders,
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const kinds = yield* ProviderKinds
      /** Makes the Effect that loads a provider at its first use. */
      const loader = (provider: NamedProvider) => {
        const load = Effect.suspend(() => {
          const kind = kinds.get(provider.kind)
          return kind === undefined
            ? Effect.fail(unknownKind(provider, kinds.names()))
            : Effect.andThen(requireKey(provider), Scope.provide(kind.make(provider), scope))
        })
        return Loaded.once(load)
      }

      let entries: ReadonlyMap<string, Entry> = new Map()
      const makeEntry = Effect.fnUntraced(function* (provider: NamedProvider) {
        const load = yield* loader(provider)
        const discover = Effect.flatMap(load, ({ models }) => models)
        return { catalog: yield* ModelCatalog.make(provider, discover), load }
      })

      const replace = Effect.fn("ModelProviders.replace")(function* (providers: Providers) {
        const next = new Map<string, Entry>()
        for (const [name, settings] of Object.entries(providers)) {
          const provider = { ...settings, name }
          const present = entries.get(name)
          const isSame = present !== undefined && Equal.equals(present.catalog.provider, provider)
          next.set(name, isSame ? present : yield* makeEntry(provider))
        }
        entries = next
      })
      yield* replace((yield* GatewayConfig).providers)

      const entryOf = Effect.fnUntraced(function* (name: string) {
        return entries.get(name) ?? (yield* unknownProvider(name, [...entries.keys()]))
      })

      const resolve = Effect.fn("ModelProviders.resolve")(function* (
        id: string,
        { thinking }: { readonly thinking?: ThinkingLevel | undefined } = {},
      ) {
        const [name, model] = yield* parts(id, [...entries.keys()])
        const { catalog, load } = yield* entryOf(name)
        const provider = yield* load
        const facts = yield* catalog.facts(model)
        const languageModel = yield* provider.languageModel({ model: facts, thinking })
        return { ...facts, id, provider: name, languageModel }
      })

      const firstOf = Effect.fnUntraced(function* (name: string) {
        const { catalog } = yield* entryOf(name)
        const [first] = yield* catalog.models
        return first === undefined ? yield* noModels(name) : `${name}/${first.id}`
      })

      const check = Effect.fn("ModelProviders.check")(function* (name: string) {
        const { catalog } = yield* entryOf(name)
        yield* catalog.listed
        return yield* catalog.models
      })

      const test = Effect.fn("ModelProviders.test")(function* (target: string) {
        const id = target.includes("/") ? target : yield* firstOf(target)
        const { languageModel } = yield* resolve(id)
        const { ask } = yield* Effect.promise(() => import("./ModelTest.ts"))
        const startedAt = yield* Clock.currentTimeMillis
        const { text, usage } = yield* ask(languageModel)
        return {
          model: id,
          text: shortened(text, ANSWER_CHARS),
          durationMs: (yield* Clock.currentTimeMillis) - startedAt,
          ...(usage !== undefined && { usage }),
        }
      })

      const shownOf = Effect.suspend(() =>
        Effect.forEach(
          entries.values(),
          ({ catalog: { provider, shown } }) =>
            Effect.map(shown, (models) => models.map((model) => withProvider(provider.name, model))),
          { concurrency: "unbounded" },
        ),
      )

      return ModelProviders.of({
        get names() {
          return [...entries.keys()]
        },
        resolve,
        list: Effect.map(shownOf, (lists) => lists.flat()),
        check,
        test,
        replace,
      })
    }),
  )
}

interface Entry {
  readonly catalog: ModelCatalog
  readonly load: Effect.Effect<ModelProvider, ModelProblem>
}

const ANSWER_CHARS = 200

const withProvider = (provider: string, model: ModelFacts): ModelFacts => ({ ...model, id: `${provider}/${model.id}` })

const configuration = (provider: string, message: string) =>
  new ModelProblem({ kind: "configuration", provider, message })

const quoted = (name: string): string => JSON.stringify(cut(name, 100))

/** Returns the provider's name and its name of the model, which may contain slashes itself. */
const parts = (
  id: string,
  names: ReadonlyArray<string>,
): Effect.Effect<readonly [provider: string, model: string], ModelProblem> => {
  const slash = id.indexOf("/")
  return slash > 0 && slash < id.length - 1
    ? Effect.succeed([id.slice(0, slash), id.slice(slash + 1)])
    : Effect.fail(
        configuration("", `the model ${quoted(id)} names no provider: write provider/model. ${configured(names)}`),
      )
}

const configured = (names: ReadonlyArray<string>): string =>
  names.length === 0
    ? "The configuration has no providers (docs/models.md)."
    : `The configuration has these providers: ${names.join(", ")}.`

const unknownProvider = (name: string, names: ReadonlyArray<string>) =>
  configuration(name, `no provider ${quoted(name)}: add it to the option providers. ${configured(names)}`)

const unknownKind = ({ kind, name }: NamedProvider, names: ReadonlyArray<string>) =>
  configuration(name, `provider ${quoted(name)} has the unknown kind ${quoted(kind)}: use one of ${names.join(", ")}`)

/**
 * A reference to a key that led to none is the user's mistake. Without a reference there is no key, as local servers
 * expect.
 */
const requireKey = ({ apiKey, apiKeyFile, apiKeyVariable, name }: NamedProvider): Effect.Effect<void, ModelProblem> => {
  const reference = apiKeyVariable === undefined ? apiKeyFile : `the variable ${apiKeyVariable}`
  return apiKey !== undefined || reference === undefined
    ? Effect.void
    : Effect.fail(
        new ModelProblem({
          kind: "authentication",
          provider: name,
          message: `provider ${quoted(name)} has no key: ${reference} was empty or unreadable when the gateway started`,
        }),
      )
}

const noModels = (name: string) =>
  configuration(name, `provider ${quoted(name)} lists no models: name them in its option models`)
