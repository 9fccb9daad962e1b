/**
 * Discovery: finds model providers that a machine already has: keys in an environment, and servers on the ports of
 * well-known programs. It writes nothing. The command that sets a gateway up uses it.
 */
import * as Effect from "effect/Effect"
import type { ModelFacts } from "./ModelProvider.ts"

/** A provider that could be added to the configuration, without its key. */
export interface FoundProvider {
  /** A name for the configuration. */
  readonly name: string
  /** The name of the service or program, for people. */
  readonly label: string
  readonly kind: "openai" | "anthropic"
  /** `undefined`: the default of the kind. */
  readonly baseUrl: string | undefined
  /** The variable with the key. `undefined` for servers on this machine. */
  readonly apiKeyVariable: string | undefined
}

/** A server on this machine, with its models. */
export interface FoundServer extends FoundProvider {
  readonly models: ReadonlyArray<ModelFacts>
}

type Environment = Readonly<Record<string, string | undefined>>

type Row = readonly [name: string, label: string, variables: ReadonlyArray<string>, baseUrl?: string]

/** Hosted services. The first variable that is set counts. */
const services: ReadonlyArray<Row> = [
  ["openai", "OpenAI", ["OPENAI_API_KEY"]],
  ["anthropic", "Anthropic", ["ANTHROPIC_API_KEY"]],
  ["openrouter", "OpenRouter", ["OPENROUTER_API_KEY"], "https://openrouter.ai/api/v1"],
  [
    "gemini",
    "Google Gemini",
    ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"],
    "https://generativelanguage.googleapis.com/v1beta/openai",
  ],
  ["groq", "Groq", ["GROQ_API_KEY"], "https://api.groq.com/openai/v1"],
  ["deepseek", "DeepSeek", ["DEEPSEEK_API_KEY"], "https://api.deepseek.com/v1"],
  ["mistral", "Mistral", ["MISTRAL_API_KEY"], "https://api.mistral.ai/v1"],
  ["xai", "xAI", ["XAI_API_KEY"], "https://api.x.ai/v1"],
  ["together", "Together AI", ["TOGETHER_API_KEY", "TOGETHER_AI_API_KEY"], "https://api.together.xyz/v1"],
  ["fireworks", "Fireworks AI", ["FIREWORKS_API_KEY"], "https://api.fireworks.ai/inference/v1"],
  ["cerebras", "Cerebras", ["CEREBRAS_API_KEY"], "https://api.cerebras.ai/v1"],
  ["moonshot", "Moonshot AI", ["MOONSHOT_API_KEY"], "https://api.moonshot.ai/v1"],
]

/** The variables by which other programs send the requests of a service elsewhere. */
const addresses: Readonly<Record<string, string>> = {
  openai: "OPENAI_BASE_URL",
  anthropic: "ANTHROPIC_BASE_URL",
}

/** Programs that serve models on this machine, with their usual ports. */
const programs: ReadonlyArray<readonly [name: string, label: string, port: number]> = [
  ["ollama", "Ollama", 11_434],
  ["lmstudio", "LM Studio", 1_234],
  ["llamacpp", "llama.cpp", 8_080],
  ["vllm", "vLLM", 8_000],
]

const isSet = (text: string | undefined): text is string => text !== undefined && text.trim() !== ""

/** Returns the known services. The environment may send their requests elsewhere. */
export const hosted = (environment: Environment): ReadonlyArray<FoundProvider> =>
  services.map(([name, label, variables, serviceUrl]) => {
    const given = environment[addresses[name] ?? ""]
    return {
      name,
      label,
      kind: name === "anthropic" ? "anthropic" : "openai",
      baseUrl: isSet(given) ? given.trim() : serviceUrl,
      apiKeyVariable: variables.find((variable) => isSet(environment[variable])),
    }
  })

/** Returns the services whose keys are in the environment. The keys themselves stay there. */
export const keysIn = (environment: Environment): ReadonlyArray<FoundProvider> =>
  hosted(environment).filter(({ apiKeyVariable }) => apiKeyVariable !== undefined)

/** A server on this machine answers at once, or it is another program. */
const DEADLINE = "700 millis"

/** Asks the usual ports of this machine for models, all at once. Ports that do not answer with a list are left out. */
export const localServers = (ports = programs): Effect.Effect<ReadonlyArray<FoundServer>> =>
  Effect.map(
    Effect.forEach(ports, ([name, label, port]) => ask({ name, label, baseUrl: `http://127.0.0.1:${port}/v1` }), {
      concurrency: "unbounded",
    }),
    (found) => found.flat(),
  )

const ask = ({ baseUrl, label, name }: { readonly name: string; readonly label: string; readonly baseUrl: string }) =>
  Effect.gen(function* () {
    const { make } = yield* Effect.promise(() => import("./openai/OpenAiProvider.ts"))
    const silenceMs = 10_000
    const provider = yield* make({ name, kind: "openai", baseUrl, headers: {}, models: [], options: {}, silenceMs })
    // The deadline is the server's. Loading the code may take longer on a busy machine.
    const models = yield* Effect.timeoutOrElse(provider.models, {
      duration: DEADLINE,
      orElse: () => Effect.succeed([]),
    })
    const server = { name, label, kind: "openai", baseUrl, apiKeyVariable: undefined, models } as const
    return models.length === 0 ? [] : [server]
  }).pipe(
    Effect.scoped,
    Effect.orElseSucceed((): ReadonlyArray<FoundServer> => []),
  )
