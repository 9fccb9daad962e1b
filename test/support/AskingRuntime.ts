/**
 * A runtime whose runs ask: `/ask` with the parts as JSON, one question per line, one after another. The reply has the
 * outcome of each. `onAnswer` sees the answers, with the secret ones.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Answers, QuestionPart } from "../../src/domain/Question.ts"
import type { AgentRuntime } from "../../src/services/agents/AgentRuntime.ts"
import { ToolQuestion } from "../../src/services/tools/ToolQuestion.ts"

/** A part that takes free text, unless the fields say otherwise. */
export const part = (key: string, fields: Partial<QuestionPart> = {}): QuestionPart => ({
  key,
  title: "",
  text: `Which ${key}?`,
  options: [],
  isMultiple: false,
  isFree: false,
  isSecret: false,
  ...fields,
})

/** The message that makes a run ask. */
export const asking = (...questions: ReadonlyArray<ReadonlyArray<QuestionPart>>): string =>
  questions.map((parts) => JSON.stringify(parts)).join("\n")

export const askingRuntime = (
  onAnswer: (answers: Answers) => Effect.Effect<void> = () => Effect.void,
): AgentRuntime => ({
  name: "asking",
  models: [],
  run: ({ agent, attempt, principal, runId, sessionKey, text }) =>
    Stream.fromEffect(
      Effect.gen(function* () {
        const { ask } = yield* ToolQuestion
        const run = { agent, attempt, principal, runId, sessionKey }
        const one = (line: string, index: number) =>
          ask({ ...run, callId: `${attempt}.${index}`, parts: JSON.parse(line) }).pipe(
            Effect.flatMap((outcome) =>
              outcome._tag === "Answered"
                ? Effect.as(onAnswer(outcome.answers), `answered ${Object.keys(outcome.answers).join(" ")}`)
                : Effect.succeed(outcome.reason),
            ),
            Effect.catch(({ message }) => Effect.succeed(message)),
            Effect.scoped,
          )
        const results = yield* Effect.forEach(text.split("\n"), one)
        return { _tag: "Text", text: results.join("\n") } as const
      }),
    ),
})
