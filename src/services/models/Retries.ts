/**
 * Retries: repeats a call of a model that failed before the model said anything. Later, a repetition would say things
 * twice. ChatModel uses it.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ModelProblem } from "../../domain/Model.ts"
import { isRetryable } from "./ProviderProblems.ts"

/** Attempts after the first one. */
const RETRIES = 3

const FIRST_PAUSE_MS = 250

/** A provider that asks for a longer pause gets no further attempt. */
const LONGEST_PAUSE_MS = 20_000

/** Returns the pause before the next attempt, or `undefined` if no attempt follows. `attempt` counts from 0. */
export const pauseAfter = (problem: ModelProblem, attempt: number): number | undefined => {
  if (!isRetryable(problem) || attempt >= RETRIES) return undefined
  const pause = problem.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** attempt
  return pause <= LONGEST_PAUSE_MS ? pause : undefined
}

/** Streams the first attempt that says something. `once` is one attempt. */
export const retrying = <Part>(
  once: Stream.Stream<Part, ModelProblem>,
  attempt = 0,
): Stream.Stream<Part, ModelProblem> =>
  Stream.suspend(() => {
    let hasSpoken = false
    const heard = Stream.tap(once, () =>
      Effect.sync(() => {
        hasSpoken = true
      }),
    )
    return Stream.catch(heard, (problem) => {
      const pause = hasSpoken ? undefined : pauseAfter(problem, attempt)
      if (pause === undefined) return Stream.fail(problem)
      return Stream.unwrap(
        Effect.logInfo(`${problem.message}; attempt ${attempt + 2} follows in ${pause} ms`).pipe(
          Effect.andThen(Effect.sleep(pause)),
          Effect.as(retrying(once, attempt + 1)),
        ),
      )
    })
  })
