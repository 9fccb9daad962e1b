/**
 * ModelTest: asks a model for a short answer. ModelProviders loads it for `models.test`.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import { problemOf } from "./ModelProblems.ts"
import { usageOf } from "./ModelUsage.ts"

/** A prompt that costs a few tokens. The setup sends it too. */
export const PROMPT = "Answer with the single word: ready"

/** Returns the answer and its usage. */
export const ask = Effect.fn("ModelTest.ask")(function* (model: LanguageModel.LanguageModel) {
  const { text, usage } = yield* Effect.mapError(model.generateText({ prompt: PROMPT }), problemOf)
  return { text: text.trim(), usage: usageOf(usage) }
})
