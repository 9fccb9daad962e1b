/**
 * Runs `/approve` and `/answer`: decides a call of a tool and answers a question. ChatCommands uses it.
 */
import * as Effect from "effect/Effect"
import { hasSecrets, questionLines, typed } from "../../domain/Answers.ts"
import { closedReason } from "../../domain/Approval.ts"
import { ANSWER_USAGE, APPROVE_USAGE, type ChatCommand, decidedText, type Verdict } from "../../domain/ChatCommand.ts"
import { grants, type Principal, type Scope } from "../../domain/Principal.ts"
import { questionClosedReason } from "../../domain/Question.ts"
import { Forbidden } from "../../domain/Refusal.ts"
import { Approvals } from "../approvals/Approvals.ts"
import { Questions } from "../questions/Questions.ts"

type OperatorCommand = Extract<ChatCommand, { readonly name: "approve" | "answer" }>

/** Makes the function that runs such a command and returns the reply. It fails if the sender may not use the command. */
export const make = Effect.gen(function* () {
  const approvals = yield* Approvals
  const questions = yield* Questions

  const approve = Effect.fnUntraced(function* (verdict: Verdict | undefined, by: string) {
    if (verdict === undefined) return APPROVE_USAGE
    const { decision, id } = verdict
    return yield* approvals.decide(id, decision, by).pipe(
      Effect.map(({ approval }) => decidedText(approval)),
      Effect.catchTags({
        ApprovalClosed: (error) => Effect.succeed(`Nothing was decided: ${closedReason(error)}.`),
        ApprovalNotFound: ({ isAmbiguous }) => Effect.succeed(notFound("approval", id, isAmbiguous)),
        DecisionUnavailable: ({ decisions }) =>
          Effect.succeed(`${decision} is not possible here. Use ${decisions.join(" or ")}.`),
      }),
    )
  })

  const answer = Effect.fnUntraced(
    function* (id: string, text: string, by: string) {
      if (id === "") return ANSWER_USAGE
      const { id: whole, parts } = yield* questions.get(id)
      if (hasSecrets(parts)) {
        return `This question asks for a secret, which a chat would show. Run: causeway questions answer ${whole}`
      }
      if (text === "") return [...questionLines(parts), `Write /answer ${whole} and your answer.`].join("\n")
      yield* questions.answer(whole, typed(parts, text), by)
      return `Answered: ${parts.map(({ text }) => text).join(" ")}`
    },
    (reply, id) =>
      Effect.catchTags(reply, {
        AnswersInvalid: ({ message }) => Effect.succeed(message),
        QuestionClosed: (error) => Effect.succeed(`Nothing was answered: ${questionClosedReason(error)}.`),
        QuestionNotFound: ({ isAmbiguous }) => Effect.succeed(notFound("question", id, isAmbiguous)),
      }),
  )

  const needs = (scopes: ReadonlyArray<Scope>, scope: Scope, method: string) =>
    grants(scopes, scope) ? Effect.void : Effect.fail(new Forbidden({ method, missingScope: scope }))

  return Effect.fnUntraced(function* (command: OperatorCommand, { id: by, scopes }: Principal) {
    if (command.name === "approve") {
      yield* needs(scopes, "operator.approvals", "approvals.decide")
      return yield* approve(command.verdict, by)
    }
    yield* needs(scopes, "operator.questions", "questions.answer")
    return yield* answer(command.id, command.text, by)
  })
})

const notFound = (thing: string, id: string, isAmbiguous: boolean): string =>
  isAmbiguous ? `Several ${thing}s begin with "${id}". Give more of the id.` : `No ${thing} "${id}" waits.`
