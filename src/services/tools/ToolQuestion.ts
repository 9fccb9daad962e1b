/**
 * ToolQuestion: asks operators in the name of a run and waits for their answers. The tool `ask` uses it, and so do runtimes
 * whose agents ask by themselves. Questions implements it. The default fails.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Answers, QuestionPart } from "../../domain/Question.ts"
import { ToolFailed, type ToolRun } from "./AgentTool.ts"

/** The question of a run. */
export interface RunQuestion extends ToolRun {
  readonly callId: string
  readonly parts: ReadonlyArray<QuestionPart>
}

/** The end of a question that was asked. `declined`: an operator does not want to answer. */
export type QuestionOutcome =
  | { readonly _tag: "Answered"; readonly answers: Answers }
  | { readonly _tag: "Unanswered"; readonly reason: "declined" | "expired" | "cancelled" }

export const ToolQuestion = Context.Reference<{
  /**
   * Asks and waits. The answers have the secret ones. Fails with the reason if the question cannot be asked. The run has
   * no permit meanwhile. Close the scope when the call that asks has ended.
   */
  ask(question: RunQuestion): Effect.Effect<QuestionOutcome, ToolFailed, Scope.Scope>
}>("causeway/services/tools/ToolQuestion", {
  defaultValue: () => ({ ask: () => Effect.fail(new ToolFailed({ message: "This gateway cannot ask anybody." })) }),
})
