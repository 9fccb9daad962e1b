/**
 * AnthropicProvider: a server with Anthropic's API. It lists its models and makes language models. Anthropic.ts loads it.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { withoutTrailing } from "../../../domain/Text.ts"
import * as ChatModel from "../ChatModel.ts"
import { modelsOf } from "../ModelList.ts"
import type { ModelProvider, NamedProvider } from "../ModelProvider.ts"
import { ProviderHttp } from "../ProviderHttp.ts"
import { AnthropicReader } from "./AnthropicReader.ts"
import { body, thinkingForms } from "./AnthropicRequest.ts"

const DEFAULT_URL = "https://api.anthropic.com/v1"

/** The version of the API that the requests follow. */
const VERSION = "2023-06-01"

/** Returns the address with `/v1` at its end. Some tools write the address with it and some without it. */
export const addressOf = (baseUrl: string): string => {
  const trimmed = withoutTrailing(baseUrl, "/")
  return trimmed.endsWith("/v1") ? trimmed : `${trimmed}/v1`
}

export const make = Effect.fn("AnthropicProvider.make")(function* (provider: NamedProvider) {
  const { apiKey, baseUrl = DEFAULT_URL } = provider
  const base = addressOf(baseUrl)
  const http = yield* ProviderHttp.make(
    { ...provider, baseUrl: base },
    { "anthropic-version": VERSION, ...(apiKey !== undefined && { "x-api-key": Redacted.value(apiKey) }) },
  )
  const forms: ChatModel.ThinkingForms = new Map()
  const dialect: ChatModel.Dialect = {
    url: `${base}/messages`,
    body,
    thinking: thinkingForms,
    reader: () => new AnthropicReader(http.problems),
  }
  return {
    models: Effect.map(http.get(`${base}/models?limit=1000`), modelsOf),
    languageModel: (call) => ChatModel.make(http, dialect, call, forms),
  } satisfies ModelProvider
})
