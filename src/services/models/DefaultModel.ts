/**
 * DefaultModel: chooses a model for conversations from the list of a provider. The setup uses it.
 */
import type { ModelFacts } from "./ModelProvider.ts"

/** Beginnings of the names of good models by provider, best first. A whole name wins over a beginning. */
const favourites: Readonly<Record<string, ReadonlyArray<string>>> = {
  openai: ["gpt-5", "gpt-4.1", "gpt-4o", "gpt-"],
  anthropic: ["claude-sonnet", "claude-"],
  openrouter: ["openrouter/auto", "anthropic/claude-sonnet", "openai/gpt-5"],
  gemini: ["models/gemini-2.5-flash", "gemini-2.5-flash", "models/gemini-", "gemini-"],
  groq: ["llama-3.3-70b", "openai/gpt-oss"],
  deepseek: ["deepseek-chat"],
  mistral: ["mistral-medium-latest", "mistral-"],
  xai: ["grok-4", "grok-"],
  moonshot: ["kimi-"],
}

/** Words in the names of models that hold no conversations. */
const OTHER_PURPOSES = (
  "embed rerank moderation guard whisper tts speech transcribe audio realtime dall-e image sora video davinci babbage " +
  "computer-use ocr"
).split(" ")

const converses = ({ id }: ModelFacts): boolean => {
  const name = id.toLowerCase()
  return !OTHER_PURPOSES.some((word) => name.includes(word))
}

/** Returns the models for conversations, the best for a beginning first. The others keep the order of the provider. */
export const suitable = (provider: string, models: ReadonlyArray<ModelFacts>): ReadonlyArray<ModelFacts> => {
  const usable = models.filter(converses)
  const beginnings = favourites[provider] ?? []
  const found = beginnings.map(
    (name) => usable.find(({ id }) => id === name) ?? usable.find(({ id }) => id.startsWith(name)),
  )
  const best = found.find((model) => model !== undefined)
  return best === undefined ? usable : [best, ...usable.filter((model) => model !== best)]
}
