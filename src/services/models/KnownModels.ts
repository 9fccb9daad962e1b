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

/** Makers put these words into the names of models that read images. */
const VISION = /vision|llava|pixtral|moondream|minicpm-v|(^|[^a-z])vl([^a-z]|$)|\dvl/

/** The beginnings of names, and the content that these models read besides texts. The first match counts. */
const inputs: ReadonlyArray<readonly [prefix: string, input: ReadonlyArray<ModelInput>]> = [
  ["gpt-4o-audio", []],
  ["gpt-4o", ["image", "pdf"]],
  ["gpt-4.1", ["image", "pdf"]],
  ["gpt-5", ["image", "pdf"]],
  ["gpt-oss", []],
  ["o1-mini", []],
  ["o3-mini", []],
  ["o1", ["image", "pdf"]],
  ["o3", ["image", "pdf"]],
  ["o4", ["image", "pdf"]],
  ["claude-", ["image", "pdf"]],
  ["gemini-", ["image"]],
  ["gemma3", ["image"]],
  ["gemma-3", ["image"]],
  ["llama-4", ["image"]],
  ["llama4", ["image"]],
  ["mistral-small3", ["image"]],
  ["grok-4", ["image"]],
]

/** Returns the content that a model with the name reads besides texts, or `undefined` if the name does not say it. */
export const knownInput = (id: string): ReadonlyArray<ModelInput> | undefined => {
  const name = id.slice(id.lastIndexOf("/") + 1).toLowerCase()
  const row = inputs.find(([prefix]) => name.startsWith(prefix))
  return row === undefined ? (VISION.test(name) ? ["image"] : undefined) : row[1]
}
