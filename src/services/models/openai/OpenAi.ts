/**
 * OpenAi: the kind `openai`, for every server with OpenAI's `/chat/completions`: OpenAI, OpenRouter, Groq, DeepSeek,
 * Gemini, Ollama, LM Studio, llama.cpp, vLLM and others. It loads its code at the first use. Gateway.ts adds it.
 */
import { ProviderKinds } from "../ProviderKinds.ts"

export const layer = ProviderKinds.addLazy("openai", () => import("./OpenAiProvider.ts"))
