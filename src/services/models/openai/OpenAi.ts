/**
 * OpenAi: the kind `openai`, for every server with OpenAI's `/chat/completions`: OpenAI, OpenRouter, Groq, DeepSeek,
 * Gemini, Ollama, LM Studio, llama.cpp, vLLM and others. It loads its code at the first use. Gateway.ts adds it.
 */
import * as Effect from "effect/Effect"
import type { ProviderKind } from "../ModelProvider.ts"
import { ProviderKinds } from "../ProviderKinds.ts"

export const openAi: ProviderKind = {
  name: "openai",
  make: (provider) =>
    Effect.flatMap(
      Effect.promise(() => import("./OpenAiProvider.ts")),
      ({ make }) => make(provider),
    ),
}

export const layer = ProviderKinds.add(openAi)
