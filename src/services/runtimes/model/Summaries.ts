/**
 * Lets a model summarize a conversation: its older part before a run, or all of it. ModelRun.ts uses it.
 */
import * as Effect from "effect/Effect"
import type { ModelProblem } from "../../../domain/Model.ts"
import type { RuntimeEvent } from "../../../domain/Run.ts"
import { problemOf } from "../../models/ModelProblems.ts"
import type { ResolvedModel } from "../../models/ModelProviders.ts"
import type { ModelToolkit } from "../../tools/Tools.ts"
import { isDue, olderPart, summaryPrompt } from "./Compaction.ts"
import type { ContextBudget } from "./ContextBudget.ts"
import type { Emit } from "./Handoff.ts"
import type { History } from "./History.ts"
import * as ModelStep from "./ModelStep.ts"

/** A summary is worth no longer wait: the run goes on with a trimmed history. */
const TIMEOUT = "1 minute"

const noTools: ModelToolkit = { tools: {}, handle: () => Effect.die("no tools") }

/** Asks the model for a summary of the history, with the earlier summary before it. */
export const summaryOf = Effect.fnUntraced(function* (
  model: ResolvedModel,
  { summary, units }: History,
  context: ContextBudget,
) {
  const messages = summaryPrompt(summary, units, context.of(model))
  const speech = new ModelStep.Speech()
  const request = { messages, toolkit: noTools, toolChoice: "auto", speech, ids: new ModelStep.CallIds() } as const
  const silently = () => Effect.void
  const step = yield* Effect.mapError(ModelStep.run(model.languageModel, request, silently), problemOf)
  const text = ModelStep.textIn(step).trim()
  if (text === "") return yield* ModelStep.problemWith(model, "gave no summary")
  // The context of this call is not that of the conversation.
  const { contextTokens: _, ...usage } = ModelStep.usageIn(step) ?? { inputTokens: 0, outputTokens: 0 }
  return { text, usage }
})

/**
 * Summarizes the older part of the history if it is due, and returns the rest with the summary. Returns the history as it
 * is if that fails: the run then cuts it. `budget`: the tokens that the history may have. `share`: see `runs.compactAt`.
 */
export const compacted = (
  history: History,
  model: Effect.Effect<ResolvedModel, ModelProblem>,
  options: {
    readonly budgetFor: (model: ResolvedModel) => number
    readonly context: ContextBudget
    readonly share: number
  },
  emit: Emit<RuntimeEvent>,
): Effect.Effect<History> => {
  const work = Effect.gen(function* () {
    const resolved = yield* model
    const budget = options.budgetFor(resolved)
    const older = isDue(history, budget, options.share) ? olderPart(history.units, budget) : []
    const upTo = older.at(-1)?.upTo
    if (upTo === undefined) return history
    const part = { summary: history.summary, units: older }
    const { text, usage } = yield* Effect.timeout(summaryOf(resolved, part, options.context), TIMEOUT)
    yield* emit([
      { _tag: "Summarized", text, upTo },
      { _tag: "Usage", usage },
    ])
    return { summary: text, units: history.units.slice(older.length) }
  })
  return Effect.catch(work, (error) =>
    Effect.as(Effect.logWarning("Cannot summarize a conversation. Its oldest messages are cut.", error), history),
  )
}
