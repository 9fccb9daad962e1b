/**
 * The models of a run: the first one, then its fallbacks. It moves on to the next model if one fails before it has said
 * anything in the current step, and stays there for the rest of the run. ModelRun.ts uses it.
 */
import * as Effect from "effect/Effect"
import type { ModelProblem } from "../../../domain/Model.ts"
import { RuntimeFailed } from "../../../domain/Run.ts"
import type { ResolvedModel } from "../../models/ModelProviders.ts"

/** Returns the failure of a run whose models have all failed. The first problem decides the kind. */
export const failureOf = (problems: ReadonlyArray<readonly [id: string, problem: ModelProblem]>): RuntimeFailed => {
  const [first, ...later] = problems
  const detail = [
    first?.[1].message ?? "the run has no model",
    ...later.map(([id, { message }]) => `The fallback "${id}" failed too: ${message}`),
  ].join(". ")
  return new RuntimeFailed({ runtime: "model", detail, ...(first !== undefined && { kind: first[1].kind }) })
}

export class ModelChain {
  readonly #ids: ReadonlyArray<string>
  readonly #resolve: (id: string) => Effect.Effect<ResolvedModel, ModelProblem>
  #index = 0

  constructor(ids: ReadonlyArray<string>, resolve: (id: string) => Effect.Effect<ResolvedModel, ModelProblem>) {
    this.#ids = ids
    this.#resolve = resolve
  }

  /** The model that is next to answer. */
  get current(): Effect.Effect<ResolvedModel, ModelProblem> {
    return Effect.suspend(() => this.#resolve(this.#ids[this.#index]!))
  }

  /** Lets a model answer. `hasSpoken`: whether the failed answer has said anything. */
  use<A>(
    answer: (model: ResolvedModel) => Effect.Effect<A, ModelProblem>,
    hasSpoken: () => boolean,
  ): Effect.Effect<A, RuntimeFailed> {
    const problems: Array<readonly [id: string, problem: ModelProblem]> = []
    const attempt: Effect.Effect<A, RuntimeFailed> = Effect.suspend(() =>
      Effect.catch(Effect.flatMap(this.current, answer), (problem) => {
        problems.push([this.#ids[this.#index]!, problem])
        const isLast = this.#index + 1 === this.#ids.length
        if (hasSpoken() || isLast) return Effect.fail(failureOf(problems))
        return Effect.andThen(this.#moveOn(problem), attempt)
      }),
    )
    return attempt
  }

  #moveOn(problem: ModelProblem): Effect.Effect<void> {
    const failed = this.#ids[this.#index]
    this.#index++
    return Effect.logWarning(
      `The model "${failed}" failed: ${problem.message}. Now "${this.#ids[this.#index]}" answers.`,
    )
  }
}
