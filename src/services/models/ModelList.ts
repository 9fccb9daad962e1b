/**
 * ModelList: reads the lists of models that providers return for `/models`, with the facts that each server adds. The
 * kinds of providers and Discovery use it.
 */
import type { ModelCost, ModelInput } from "../../domain/Model.ts"
import { at, listAt, textAt } from "./JsonValue.ts"
import type { ModelFacts } from "./ModelProvider.ts"
import { tokens } from "./ModelUsage.ts"

/** Returns the models of a list. Together sends an array, the others an object with `data`. */
export const modelsOf = (list: unknown): ReadonlyArray<ModelFacts> =>
  (Array.isArray(list) ? list : listAt(list, "data")).flatMap((row: unknown): ReadonlyArray<ModelFacts> => {
    const id = textAt(row, "id")
    return id === undefined || id === "" || id.length > ID_CHARS ? [] : [factsOf(id, row)]
  })

/** Longer names are no models. Agents cannot name them. */
const ID_CHARS = 190

/** The fields in which OpenRouter, Together, Groq, vLLM, Anthropic, llama.cpp and LM Studio put the context window. */
const CONTEXT_FIELDS: ReadonlyArray<ReadonlyArray<string>> = [
  ["context_length"],
  ["context_window"],
  ["max_model_len"],
  ["max_input_tokens"],
  ["meta", "n_ctx"],
  ["max_context_length"],
  ["meta", "n_ctx_train"],
]

const OUTPUT_FIELDS: ReadonlyArray<ReadonlyArray<string>> = [
  ["top_provider", "max_completion_tokens"],
  ["max_completion_tokens"],
  ["max_tokens"],
]

const firstCount = (row: unknown, fields: ReadonlyArray<ReadonlyArray<string>>): number | undefined =>
  fields.map((path) => tokens(at(row, ...path))).find((count) => count !== undefined && count > 0)

const factsOf = (id: string, row: unknown): ModelFacts => {
  const maxOutputTokens = firstCount(row, OUTPUT_FIELDS)
  const cost = costOf(row)
  const input = inputOf(row)
  return {
    id,
    name: (textAt(row, "display_name") ?? textAt(row, "name") ?? id).slice(0, ID_CHARS),
    contextWindow: firstCount(row, CONTEXT_FIELDS) ?? null,
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(input !== undefined && { input }),
    ...(cost !== undefined && { cost }),
  }
}

/** OpenRouter lists the kinds of input, and Mistral has a flag. */
const inputOf = (row: unknown): ReadonlyArray<ModelInput> | undefined => {
  const kinds = at(row, "architecture", "input_modalities")
  if (Array.isArray(kinds)) {
    return [...(kinds.includes("image") ? ["image" as const] : []), ...(kinds.includes("file") ? ["pdf" as const] : [])]
  }
  const sees = at(row, "capabilities", "vision")
  return typeof sees === "boolean" ? (sees ? ["image"] : []) : undefined
}

/** OpenRouter's prices are texts in dollars for one token. */
const costOf = (row: unknown): ModelCost | undefined => {
  const price = (name: string): number | undefined => {
    const dollars = Number(textAt(row, "pricing", name) ?? Number.NaN)
    return Number.isFinite(dollars) && dollars >= 0 ? Math.round(dollars * 1e12) / 1e6 : undefined
  }
  const [input, output, cachedInput] = [price("prompt"), price("completion"), price("input_cache_read")]
  if (input === undefined || output === undefined) return undefined
  return { input, output, ...(cachedInput !== undefined && { cachedInput }) }
}
