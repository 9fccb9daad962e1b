/**
 * OpenAiProvider: a server with OpenAI's API. It lists its models and makes language models. OpenAi.ts loads it.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { withoutTrailing } from "../../../domain/Text.ts"
import * as ChatModel from "../ChatModel.ts"
import { modelsOf } from "../ModelList.ts"
import type { ModelProvider, NamedProvider } from "../ModelProvider.ts"
import { ProviderHttp } from "../ProviderHttp.ts"
import { OpenAiReader } from "./OpenAiReader.ts"
import { body, thinkingForms } from "./OpenAiRequest.ts"

const DEFAULT_URL = "https://api.openai.com/v1"

/** Returns the address without a slash at its end. An address without a path gets `/v1`, where all servers have the API. */
export const addressOf = (baseUrl: string): string => {
  const trimmed = withoutTrailing(baseUrl, "/")
  return URL.parse(trimmed)?.pathname === "/" ? `${trimmed}/v1` : trimmed
}

export const make = Effect.fn("OpenAiProvider.make")(function* (provider: NamedProvider) {
  const { apiKey, baseUrl = DEFAULT_URL } = provider
  const base = addressOf(baseUrl)
  const http = yield* ProviderHttp.make(
    { ...provider, baseUrl: base },
    apiKey === undefined ? {} : { authorization: `Bearer ${Redacted.value(apiKey)}` },
  )
  const forms: ChatModel.ThinkingForms = new Map()
  const dialect: ChatModel.Dialect = {
    url: `${base}/chat/completions`,
    body,
    thinking: (level) => thinkingForms(level, URL.parse(base)?.hostname ?? ""),
    reader: () => new OpenAiReader(http.problems),
  }
  return {
    models: Effect.map(http.get(`${base}/models`), modelsOf),
    languageModel: (call) => ChatModel.make(http, dialect, call, forms),
  } satisfies ModelProvider
})
