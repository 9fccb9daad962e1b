/**
 * The interfaces of model providers. A kind of provider implements one API, such as OpenAI's. ProviderKinds.ts is the
 * registry of the kinds, and ModelProviders.ts uses them.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Model, ModelProblem } from "../../domain/Model.ts"
import type { ProviderSettings } from "../../domain/Provider.ts"
import type { ThinkingLevel } from "../../domain/Run.ts"

/**
 * The facts about a model of a provider. In a kind, `id` is the provider's name of the model. Elsewhere it is
 * `provider/model`.
 */
export type ModelFacts = Omit<Model, "runtime">

/** A provider of the configuration, under its name. */
export interface NamedProvider extends ProviderSettings {
  readonly name: string
}

/** A call's settings, and the facts about its model. */
export interface ModelCall {
  readonly model: ModelFacts
  /** `undefined`: the model's own default. */
  readonly thinking: ThinkingLevel | undefined
}

/** A provider whose code is loaded. */
export interface ModelProvider {
  /** Asks the provider for its models. Returns an empty list if its API has none. */
  readonly models: Effect.Effect<ReadonlyArray<ModelFacts>, ModelProblem>
  /**
   * Returns the model. Its streams fail with an AiError that `ModelProblems.problemOf` reads. They retry by themselves, and
   * only while the model has said nothing.
   */
  languageModel(call: ModelCall): Effect.Effect<LanguageModel.LanguageModel, ModelProblem>
}

export interface ProviderKind {
  /** The `kind` of a provider in the configuration. Unique in a gateway. */
  readonly name: string
  /** Prepares a provider at its first use. Code that only this kind needs is imported here. The scope is the gateway's. */
  make(provider: NamedProvider): Effect.Effect<ModelProvider, ModelProblem, Scope.Scope>
}
