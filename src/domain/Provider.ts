/**
 * Provider: the options of a model provider, `providers.<name>` in the configuration. ModelProviders uses them.
 */
import * as Schema from "effect/Schema"
import { NAME_CHARS, nonEmptyText } from "./Bounds.ts"
import { ModelCost, ModelInput } from "./Model.ts"
import { HaveNames, headers, isUrl, option, optional, secret } from "./Setting.ts"

const Tokens = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000_000 }))

const REMEDY = "a key belongs into apiKey"
const IsApiAddress = isUrl(/^https?:$/, "https://api.example.org/v1", REMEDY)
const HasPathOnly = Schema.makeFilter((text: string) => {
  const url = URL.parse(text)
  return url === null || url.search + url.hash === "" ? undefined : `must have no query and no fragment; ${REMEDY}`
})

/** A model that the configuration describes. Left-out facts come from the provider's own list, where it has one. */
export const ConfiguredModel = Schema.Struct({
  /** The provider's name of the model. */
  id: nonEmptyText(NAME_CHARS),
  name: Schema.optionalKey(nonEmptyText(NAME_CHARS)),
  contextWindow: Schema.optionalKey(Tokens),
  maxOutputTokens: Schema.optionalKey(Tokens),
  /** The content that it reads besides texts, e.g. `[image, pdf]`. Empty: texts only. */
  input: Schema.optionalKey(Schema.Array(ModelInput)),
  cost: Schema.optionalKey(ModelCost),
})
export type ConfiguredModel = typeof ConfiguredModel.Type

/** One provider of models. */
export const ProviderSettings = Schema.Struct({
  kind: option(
    nonEmptyText(NAME_CHARS),
    "openai",
    "The provider's API. `openai`: any server with `/chat/completions`. `anthropic`: any server with `/messages`. `ai-sdk`: a package that you install.",
  ),
  baseUrl: optional(
    Schema.String.check(IsApiAddress, HasPathOnly),
    "The address of the API, e.g. http://127.0.0.1:11434/v1. Left out: the address of OpenAI or Anthropic.",
  ),
  apiKey: optional(secret("API key"), "The key. Left out: requests carry none, as local servers expect."),
  apiKeyFile: optional(
    Schema.NonEmptyString,
    "A file with the key on one line. The command line reads it at the start.",
  ),
  apiKeyVariable: optional(
    Schema.NonEmptyString,
    "The environment variable with the key, e.g. OPENAI_API_KEY. The command line reads it at the start.",
  ),
  headers: headers("x-title", "Headers of every request. Their values count as secrets."),
  models: option(
    Schema.Array(Schema.Union([nonEmptyText(NAME_CHARS), ConfiguredModel])).check(Schema.isMaxLength(256)),
    [],
    "The models to offer, as names or as {id, name, contextWindow, maxOutputTokens, input, cost}. Left out: all models that the provider lists.",
  ),
  silenceMs: option(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 86_400_000 })),
    120_000,
    "How long the provider may send nothing before a run fails. Slow local models need a longer time for long prompts.",
  ),
  package: optional(
    Schema.String.check(
      Schema.isPattern(/^(@[a-z0-9][\w.-]{0,100}\/)?[a-z0-9][\w.-]{0,100}$/, {
        expected: "the name of an npm package",
      }),
    ),
    "For `ai-sdk`: the package to load, e.g. @ai-sdk/google.",
  ),
  options: option(
    Schema.Record(Schema.String, Schema.Json),
    {},
    "For `ai-sdk`: further options of the package, e.g. {region: eu-west-1}.",
  ),
})
export type ProviderSettings = typeof ProviderSettings.Type

/** The providers by their names. The name is the part of a model's id before the first slash. */
export const Providers = Schema.Record(Schema.String, ProviderSettings).check(HaveNames)
export type Providers = typeof Providers.Type
