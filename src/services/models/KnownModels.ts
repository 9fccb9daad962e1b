/**
 * KnownModels: context windows, answer lengths and the input of models whose providers do not list them. ModelCatalog and
 * the kind `anthropic` use it. Prices change too often for a table: they come from the provider's list or from the
 * configuration.
 */
import type { ModelInput } from "../../domain/Model.ts"

export interface KnownFacts {
  readonly contextWindow: number
  readonly maxOutputTokens: number
}

/**
 * The beginnings of names. The first match counts. Figures are the lowest of all models with that beginning, and each has
 * its source.
 */
const table: ReadonlyArray<readonly [prefix: string, contextWindow: number, maxOutputTokens: number]> = [
  // https://docs.oxen.ai/inference-api/reference/models/gpt-5-2-chat-latest.md
  ["gpt-5-chat", 128_000, 16_384],
  ["gpt-5.1-chat", 128_000, 16_384],
  ["gpt-5.2-chat", 128_000, 16_384],
  // https://docs.uipath.com/autopilot/other/latest/user-guide/supported-models-and-limits.md
  ["gpt-5", 400_000, 128_000],
  ["gpt-4o", 128_000, 16_384],
  // https://contextwindows.dev/models/gpt-4-1
  ["gpt-4.1", 1_047_576, 32_768],
  // https://developers.openai.com/api/docs/models/gpt-oss-120b.md
  ["gpt-oss", 131_072, 131_072],
  // https://vercel.com/ai-gateway/models/o4-mini.md, and https://openrouter.ai/openai/o3-mini for the window of o3-mini
  ["o3", 200_000, 100_000],
  ["o4", 200_000, 100_000],
  // https://docs.rs/mixtape-core/latest/src/mixtape_core/models/claude.rs.html
  ["claude-3-7", 200_000, 64_000],
  // https://github.com/xsyetopz/claudetto/wiki/Claude-Code-Models-Catalog
  ["claude-3-5", 200_000, 8_192],
  // https://developers.llamaindex.ai names the window. The answer is the length that every model of Anthropic can write.
  ["claude-3", 200_000, 4_096],
  // https://platform.claude.com/docs/en/models: Haiku 4.5 has the smallest window, Opus 4 and 4.1 the shortest answers.
  ["claude-", 200_000, 32_000],
  // https://ai.google.dev/gemini-api/docs/models/gemini-2.0-flash
  ["gemini-2.0", 1_048_576, 8_192],
  // https://docs.oracle.com/en-us/iaas/Content/generative-ai/google-gemini-2-5-flash.htm
  ["gemini-", 1_048_576, 65_536],
  // https://docs.venice.ai/models/deepseek-v4-pro.md
  ["deepseek-v4", 1_000_000, 256_000],
  // https://api-docs.deepseek.com/quick_start/pricing-details-usd
  ["deepseek-", 64_000, 8_000],
]

/** Returns the facts about a model by its name. Routers such as OpenRouter put the maker before a slash. */
export const knownFacts = (id: string): KnownFacts | undefined => {
  const name = id.slice(id.lastIndexOf("/") + 1).toLowerCase()
  const row = table.find(([prefix]) => name.startsWith(prefix))
  return row === undefined ? undefined : { contextWindow: row[1], maxOutputTokens: row[2] }
}

/**
 * Makers put these words into the names of models that read images.
 * https://www.mintlify.com/yocxy2/mlx-vlm/models/supported-models lists such models.
 */
const VISION = /vision|llava|pixtral|moondream|minicpm-v|(^|[^a-z])vl([^a-z]|$)|\dvl/

const texts: ReadonlyArray<ModelInput> = []
const images: ReadonlyArray<ModelInput> = ["image"]
const documents: ReadonlyArray<ModelInput> = ["image", "pdf"]

/**
 * The beginnings of names, and the content that these models read besides texts. The first match counts. Each has its
 * source. Models of OpenAI that read images read PDF, too: https://developers.openai.com/docs/guides/pdf-files
 */
const inputs: ReadonlyArray<readonly [prefix: string, input: ReadonlyArray<ModelInput>]> = [
  // https://openrouter.ai/openai/gpt-4o-audio-preview names texts and sound only.
  ["gpt-4o-audio", texts],
  ["gpt-4o-mini-audio", texts],
  // https://developers.openai.com/api/docs/guides/file-inputs: "gpt-4o and later models"
  ["gpt-4o", documents],
  ["gpt-4.1", documents],
  ["gpt-5", documents],
  // https://huggingface.co/openai/gpt-oss-120b: text generation
  ["gpt-oss", texts],
  // https://vercel.com/ai-gateway/models/o1.md: the preview lacked vision.
  ["o1-preview", texts],
  // https://vercel.com/ai-gateway/models/o4-mini/faq: earlier mini models do not read images.
  ["o1-mini", texts],
  ["o3-mini", texts],
  // https://vercel.com/ai-gateway/models/o1, .../o3 and .../o4-mini: images and files
  ["o1", documents],
  ["o3", documents],
  ["o4", documents],
  // https://platform.claude.com/docs/en/build-with-claude/pdf-support: all active models
  ["claude-", documents],
  // https://ai.google.dev/gemini-api/docs/image-understanding
  ["gemini-", images],
  // https://huggingface.co/blog/gemma3: all sizes but 1B. https://huggingface.co/google/gemma-3-270m generates text.
  ["gemma3:1b", texts],
  ["gemma3:270m", texts],
  ["gemma3:", images],
  ["gemma-3-1b", texts],
  ["gemma-3-270m", texts],
  ["gemma-3-", images],
  // https://docs.nvidia.com/nemo/automodel/latest/model-coverage/vlm/meta/llama4.html
  ["llama-4", images],
  ["llama4", images],
  // https://huggingface.co/mistralai/Mistral-Small-3.1-24B-Base-2503: version 3.1 added vision to version 3.
  ["mistral-small3.1", images],
  ["mistral-small-3.1", images],
  // https://huggingface.co/gabriellarson/Mistral-Small-3.2-24B-Instruct-2506-GGUF
  ["mistral-small3.2", images],
  ["mistral-small-3.2", images],
  // https://docs.oracle.com/en-us/iaas/Content/generative-ai/xai-grok-4.htm
  ["grok-4", images],
]

/** Returns the content that a model with the name reads besides texts, or `undefined` if the name does not say it. */
export const knownInput = (id: string): ReadonlyArray<ModelInput> | undefined => {
  const name = id.slice(id.lastIndexOf("/") + 1).toLowerCase()
  const row = inputs.find(([prefix]) => name.startsWith(prefix))
  return row === undefined ? (VISION.test(name) ? images : undefined) : row[1]
}
