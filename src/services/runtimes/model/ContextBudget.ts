/**
 * The tokens that a prompt may have. It remembers how far the estimates were from the last count of each model's provider.
 * ModelRun.ts uses it; all runs of a gateway share it.
 */
import type { ResolvedModel } from "../../models/ModelProviders.ts"
import { corrected } from "./TokenEstimate.ts"

type Window = Pick<ResolvedModel, "id" | "contextWindow" | "maxOutputTokens">

/** The context of a model whose size nobody knows. Local servers often have less than hosted ones. */
const ASSUMED_WINDOW = 32_768

/** The tokens that are kept free for the answer, unless the model's own limit or a quarter of its context is lower. */
const ANSWER_TOKENS = 16_384

/** Returns the tokens that a prompt may have, as the provider counts them. */
export const promptTokens = ({ contextWindow, maxOutputTokens = ANSWER_TOKENS }: Omit<Window, "id">): number => {
  const window = contextWindow ?? ASSUMED_WINDOW
  return Math.floor(window - Math.min(window / 4, maxOutputTokens, ANSWER_TOKENS))
}

export class ContextBudget {
  readonly #factors = new Map<string, number>()

  /** Returns the estimated tokens that a prompt for the model may have. */
  of(model: Window): number {
    return Math.floor(promptTokens(model) / (this.#factors.get(model.id) ?? 1))
  }

  /** Learns from a call: the estimate for its prompt, and the provider's count. */
  learn({ id }: Pick<Window, "id">, estimated: number, counted: number): void {
    this.#factors.set(id, corrected(this.#factors.get(id) ?? 1, estimated, counted))
  }
}
