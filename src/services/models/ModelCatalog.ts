/**
 * ModelCatalog: the models of one provider. The models of the configuration win over those that the provider lists.
 * ModelProviders uses it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { ModelProblem } from "../../domain/Model.ts"
import type { ConfiguredModel } from "../../domain/Provider.ts"
import { knownFacts, knownInput } from "./KnownModels.ts"
import type { ModelFacts, NamedProvider } from "./ModelProvider.ts"

/** A provider's list changes rarely. */
const LIST_TTL = "10 minutes"

/** After a failed discovery, the next one waits this long. */
const FAILURE_TTL = "30 seconds"

/** `models.list` waits 5 seconds for a runtime with all its providers. */
const LIST_TIMEOUT = "4 seconds"

/** More models than any provider offers. */
const MAX_MODELS = 2_000

export class ModelCatalog {
  readonly provider: NamedProvider
  /** The models with the provider's names. Fails if the provider cannot list them. */
  readonly models: Effect.Effect<ReadonlyArray<ModelFacts>, ModelProblem>
  /** As `models`, but empty after a warning if the provider fails. */
  readonly shown: Effect.Effect<ReadonlyArray<ModelFacts>>
  readonly #configured: ReadonlyMap<string, ConfiguredModel>
  /** The provider's own list, also if the configuration names models. */
  readonly listed: Effect.Effect<ReadonlyArray<ModelFacts>, ModelProblem>

  private constructor(provider: NamedProvider, listed: Effect.Effect<ReadonlyArray<ModelFacts>, ModelProblem>) {
    this.provider = provider
    this.listed = listed
    this.#configured = new Map(
      provider.models.map((model) => (typeof model === "string" ? [model, { id: model }] : [model.id, model])),
    )
    const ids = [...this.#configured.keys()]
    this.models = ids.length === 0 ? listed : Effect.forEach(ids, (id) => this.facts(id), { concurrency: "unbounded" })
    this.shown = Effect.catchTag(this.models, "ModelProblem", ({ message }) =>
      Effect.as(Effect.logWarning(`Cannot list the models of provider "${provider.name}": ${message}`), []),
    )
  }

  /** Makes the catalog. `discover` asks the provider for its models. */
  static readonly make = Effect.fnUntraced(function* (
    provider: NamedProvider,
    discover: Effect.Effect<ReadonlyArray<ModelFacts>, ModelProblem>,
  ) {
    const inTime = discover.pipe(
      Effect.map((models) => models.slice(0, MAX_MODELS).map((model) => merged(known(model.id), model))),
      Effect.timeoutOrElse({
        duration: LIST_TIMEOUT,
        orElse: () =>
          Effect.fail(
            new ModelProblem({
              kind: "timeout",
              provider: provider.name,
              message: `provider "${provider.name}" did not list its models within ${LIST_TIMEOUT}: check its baseUrl`,
            }),
          ),
      }),
    )
    const listed = yield* Effect.cachedWithTTL(inTime, (exit) => (Exit.isSuccess(exit) ? LIST_TTL : FAILURE_TTL))
    return new ModelCatalog(provider, listed)
  })

  /** Returns the facts about a model. It waits for the provider's list only if nothing else names the context window. */
  readonly facts = (id: string): Effect.Effect<ModelFacts> => {
    const configured = this.#configured.get(id)
    const facts = merged(known(id), configured)
    if (facts.contextWindow !== null) return Effect.succeed(facts)
    return this.listed.pipe(
      Effect.orElseSucceed((): ReadonlyArray<ModelFacts> => []),
      // The list has the known facts already.
      Effect.map((listed) => merged(listed.find((model) => model.id === id) ?? known(id), configured)),
    )
  }
}

const known = (id: string): ModelFacts => {
  const input = knownInput(id)
  return { id, name: id, contextWindow: null, ...knownFacts(id), ...(input !== undefined && { input }) }
}

/** Returns the facts with an addition, which wins. A context window of null says nothing. */
const merged = (facts: ModelFacts, addition: Partial<ModelFacts> | undefined): ModelFacts => ({
  ...facts,
  ...addition,
  contextWindow: addition?.contextWindow ?? facts.contextWindow,
})
