/** FakeModels: the service ModelProviders over a FakeProvider, and what its models say. */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { GatewayConfig, type GatewayOptions } from "../../src/domain/GatewayConfig.ts"
import type { Usage } from "../../src/domain/Message.ts"
import type { ModelProblem } from "../../src/domain/Model.ts"
import * as AiSdk from "../../src/services/models/ai-sdk/AiSdk.ts"
import * as Anthropic from "../../src/services/models/anthropic/Anthropic.ts"
import { problemOf } from "../../src/services/models/ModelProblems.ts"
import { ModelProviders } from "../../src/services/models/ModelProviders.ts"
import { usageOf } from "../../src/services/models/ModelUsage.ts"
import * as OpenAi from "../../src/services/models/openai/OpenAi.ts"
import { ProviderKinds } from "../../src/services/models/ProviderKinds.ts"
import * as FakeProvider from "./FakeProvider.ts"

/** The key of the fake's providers. */
export const KEY = "sk-test-0123456789abcdef"

/** ModelProviders with the providers of a configuration and our kinds. */
export const layer = (providers: NonNullable<GatewayOptions["providers"]>) =>
  ModelProviders.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(OpenAi.layer, Anthropic.layer, AiSdk.layer)),
    Layer.provideMerge(ProviderKinds.layer),
    Layer.provide(GatewayConfig.layer({ providers })),
    Layer.provideMerge(Logger.layer([])),
  )

/** Runs an Effect with ModelProviders and a fake that the configuration of the providers knows. */
export const withProviders = <A, E>(
  providers: (fake: FakeProvider.FakeProvider) => NonNullable<GatewayOptions["providers"]>,
  use: (service: ModelProviders["Service"], fake: FakeProvider.FakeProvider) => Effect.Effect<A, E>,
) =>
  Effect.gen(function* () {
    const fake = yield* FakeProvider.make
    return yield* Effect.flatMap(ModelProviders, (service) => use(service, fake)).pipe(
      Effect.provide(layer(providers(fake))),
    )
  })

export const weather = Toolkit.make(
  Tool.make("weather", {
    description: "Returns the weather of a city.",
    parameters: Schema.Struct({ city: Schema.String }),
    success: Schema.String,
    failureMode: "return",
  }),
)

export const weatherLayer = weather.toLayer({ weather: ({ city }) => Effect.succeed(`sunny in ${city}`) })

/** The output of a model in one step. */
export interface Said {
  text: string
  thinking: string
  calls: Array<readonly [id: string, name: string, params: unknown]>
  finish: string | undefined
  usage: Usage | undefined
  problem: ModelProblem | undefined
}

/** Runs one step and returns what the model said until its end or its problem. Tools are offered and not run. */
export const say = Effect.fnUntraced(function* (model: LanguageModel.LanguageModel, prompt: Prompt.RawInput = "hello") {
  const said: Said = { text: "", thinking: "", calls: [], finish: undefined, usage: undefined, problem: undefined }
  const parts = model.streamText({
    prompt,
    toolkit: weather,
    disableToolCallResolution: true,
    toolCallValidation: "deferred",
  })
  yield* Stream.runForEach(parts, (part) =>
    Effect.sync(() => {
      if (part.type === "text-delta") said.text += part.delta
      if (part.type === "reasoning-delta") said.thinking += part.delta
      if (part.type === "tool-call") said.calls.push([part.id, part.name, part.params])
      if (part.type === "finish") {
        said.finish = part.reason
        said.usage = usageOf(part.usage)
      }
    }),
  ).pipe(
    Effect.catchTag("AiError", (error) =>
      Effect.sync(() => {
        said.problem = problemOf(error)
      }),
    ),
  )
  return said
})
