/**
 * KnownModels: context windows and answer lengths of models whose providers do not list them. ModelCatalog and the kind
 * `anthropic` use it. Prices change too often for a table: they come from the provider's list or from the configuration.
 */

export interface KnownFacts {
  readonly contextWindow: number
  readonly maxOutputTokens: number
}

/** The beginnings of names. The first match counts. Figures are the lowest of all models with that beginning. */
const table: ReadonlyArray<readonly [prefix: string, contextWindow: number, maxOutputTokens: number]> = [
  ["gpt-5", 400_000, 128_000],
  ["gpt-4.1", 1_047_576, 32_768],
  ["gpt-4o", 128_000, 16_384],
  ["gpt-oss", 131_072, 32_768],
  ["o1-mini", 128_000, 65_536],
  ["o1", 200_000, 100_000],
  ["o3", 200_000, 100_000],
  ["o4", 200_000, 100_000],
  ["claude-3-7", 200_000, 64_000],
  ["claude-3-5", 200_000, 8_192],
  ["claude-3", 200_000, 4_096],
  ["claude-", 200_000, 32_000],
  ["gemini-", 1_048_576, 65_536],
  ["deepseek-", 128_000, 8_192],
]

/** Returns the facts about a model by its name. Routers such as OpenRouter put the maker before a slash. */
export const knownFacts = (id: string): KnownFacts | undefined => {
  const name = id.slice(id.lastIndexOf("/") + 1).toLowerCase()
  const row = table.find(([prefix]) => name.startsWith(prefix))
  return row === undefined ? undefined : { contextWindow: row[1], maxOutputTokens: row[2] }
}
