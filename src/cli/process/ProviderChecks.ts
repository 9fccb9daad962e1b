/**
 * ProviderChecks: the checks of `causeway doctor` for model providers and command-line agents. They ask each provider for
 * its list of models, which costs nothing, and start no agent. The setup uses the same question.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { ModelProblem } from "../../domain/Model.ts"
import type { ModelFacts } from "../../services/models/ModelProvider.ts"
import { programIn } from "../../services/runtimes/acp/AcpDiscovery.ts"
import type { Environment } from "../config/Environment.ts"
import { counted } from "../terminal/Output.ts"
import type { Check } from "./DoctorChecks.ts"

/** Asks a provider of the settings for its models (see ModelProviders.check). */
export const checkProvider = (
  settings: GatewaySettings,
  name: string,
): Effect.Effect<ReadonlyArray<ModelFacts>, ModelProblem> =>
  Effect.gen(function* () {
    const [{ ModelProviders }, { ProviderKinds }, OpenAi, Anthropic, AiSdk] = yield* Effect.promise(() =>
      Promise.all([
        import("../../services/models/ModelProviders.ts"),
        import("../../services/models/ProviderKinds.ts"),
        import("../../services/models/openai/OpenAi.ts"),
        import("../../services/models/anthropic/Anthropic.ts"),
        import("../../services/models/ai-sdk/AiSdk.ts"),
      ]),
    )
    const kinds = Layer.mergeAll(OpenAi.layer, Anthropic.layer, AiSdk.layer).pipe(
      Layer.provideMerge(ProviderKinds.layer),
    )
    const providers = ModelProviders.layer.pipe(
      Layer.provideMerge(kinds),
      Layer.provide(Layer.succeed(GatewayConfig, settings)),
    )
    return yield* Effect.provide(
      Effect.flatMap(ModelProviders, ({ check }) => check(name)),
      providers,
    )
  })

/** Whether the server answers, but not with a list of models. */
export const hasNoList = ({ kind }: ModelProblem): boolean => kind === "configuration" || kind === "invalid-response"

/** Returns the checks of the configured providers and agents. */
export const providerChecks = Effect.fn("providerChecks")(function* (
  settings: GatewaySettings,
  environment: Environment,
) {
  const providers = yield* Effect.forEach(Object.keys(settings.providers), (name) => provider(settings, name), {
    concurrency: "unbounded",
  })
  const path = environment["PATH"] ?? ""
  return [...providers, ...Object.entries(settings.acp).map(([name, { command }]) => agent(name, command, path))]
})

const provider = Effect.fnUntraced(function* (settings: GatewaySettings, name: string): Effect.fn.Return<Check> {
  const { apiKey, apiKeyVariable, kind, models } = settings.providers[name] ?? {}
  if (apiKey === undefined && apiKeyVariable !== undefined) {
    return {
      name,
      problem: `the variable ${apiKeyVariable} with the key of the provider is not set here`,
      remedy: "set it for this command and for the gateway",
    }
  }
  const ask = `\`causeway models test ${name}\` asks it`
  return yield* checkProvider(settings, name).pipe(
    Effect.map((listed): Check => {
      const count = counted(listed.length, "model")
      return { name, fact: kind === "ai-sdk" ? `${count} in the configuration; ${ask}` : `answers; ${count}` }
    }),
    Effect.catch((error) =>
      Effect.succeed<Check>(
        hasNoList(error) && models !== undefined && models.length > 0
          ? { name, fact: `answers, but lists no models; ${ask}` }
          : { name, ...parts(error.message) },
      ),
    ),
  )
})

/** Returns the problem and the next step of a message, which ends with the next step. */
const parts = (message: string) => {
  const colon = message.lastIndexOf(": ")
  return colon === -1
    ? { problem: message, remedy: "see docs/models.md" }
    : { problem: message.slice(0, colon), remedy: message.slice(colon + 2) }
}

const agent = (name: string, command: string, path: string): Check => {
  const program = programIn(path, command)
  return program === undefined
    ? {
        name: `acp/${name}`,
        problem: `the PATH has no program ${command}`,
        remedy: `install it, or correct acp.${name}.command`,
      }
    : { name: `acp/${name}`, fact: program }
}
