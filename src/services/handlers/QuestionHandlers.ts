/**
 * QuestionHandlers: implements the methods `questions.*` on the service Questions.
 */
import * as Effect from "effect/Effect"
import { DEFAULT_WAIT_MS } from "../../domain/Bounds.ts"
import { CurrentConnection } from "../../domain/Principal.ts"
import { QuestionRpcs } from "../../domain/Question.ts"
import { Questions } from "../questions/Questions.ts"

export const QuestionHandlers = QuestionRpcs.toLayer(
  Effect.gen(function* () {
    const questions = yield* Questions
    const asCaller = <A, E, R>(use: (by: string) => Effect.Effect<A, E, R>) =>
      Effect.flatMap(CurrentConnection, ({ principal }) => use(principal.id))
    return QuestionRpcs.of({
      "questions.list": () => Effect.sync(() => ({ questions: questions.waiting() })),
      "questions.get": ({ id }) => questions.get(id),
      "questions.ask": (question) => asCaller((by) => questions.request(question, by)),
      "questions.wait": ({ id, timeoutMs = DEFAULT_WAIT_MS }) => asCaller((by) => questions.wait(id, timeoutMs, by)),
      "questions.answer": ({ answers, id }) => asCaller((by) => questions.answer(id, answers, by)),
      "questions.cancel": ({ id }) => asCaller((by) => questions.cancel(id, by)),
    })
  }),
)
