/**
 * The changes of questions, as works for Events.commit. Each question ends once, and each attempt of a run reads its
 * answers once. Questions commits them.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { answersProblem } from "../../domain/Answers.ts"
import {
  type Answers,
  AnswersInvalid,
  type Question,
  QuestionClosed,
  QuestionExists,
  QuestionNotFound,
} from "../../domain/Question.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { type Change, Tx } from "../storage/Tx.ts"

type Asking = Pick<Question, "id" | "agentId" | "sessionKey" | "runId" | "callId" | "askedBy" | "parts">

/** Returns the question that waits from now on. */
export const questionOf = (asking: Asking, createdAt: number, expiresAt: number): Question => {
  const { agentId, parts, sessionKey } = asking
  const digest = createHash("sha256")
    .update(JSON.stringify([agentId, sessionKey, parts]))
    .digest("hex")
  const open = { status: "pending", answers: null, resolvedBy: null, resolvedAt: null } as const
  return { ...asking, digest, createdAt, expiresAt, ...open }
}

/**
 * Adds the question of a run. A later attempt that asks the same finds its question: one that waits, or one whose answers
 * it has not read. Returns `undefined` if the gateway holds as many waiting questions as it may.
 */
export const ask = Effect.fnUntraced(function* (
  question: Question,
  attempt: number,
  isFull: boolean,
): Effect.fn.Return<Change<Question | undefined>, StorageUnavailable, Tx> {
  const { questions } = yield* Tx
  const known = yield* questions.ofRun(question.runId, question.digest, attempt)
  if (known !== undefined) return [known, []]
  if (isFull) return [undefined, []]
  yield* questions.add(question)
  return [question, [{ _tag: "QuestionRequested", question }]]
})

/** Adds the question of a client. */
export const request = Effect.fnUntraced(function* (
  question: Question,
): Effect.fn.Return<Change<Question>, QuestionExists | StorageUnavailable, Tx> {
  const { questions } = yield* Tx
  if (!(yield* questions.add(question))) return yield* new QuestionExists({ id: question.id })
  return [question, [{ _tag: "QuestionRequested", question }]]
})

/** Records that the attempt reads the answers. Returns false if it has read them before. */
export const use = ({ digest, id }: Question, attempt: number) =>
  Effect.flatMap(Tx, ({ questions }) =>
    Effect.map(questions.use(id, digest, attempt, attempt), (isUsed) => [isUsed, []] as const),
  )

/** Returns the question as it is after an end without answers. */
export const ended = (
  question: Question,
  status: "expired" | "cancelled",
  resolvedAt: number,
  resolvedBy: string | null = null,
): Question => ({ ...question, status, resolvedAt, resolvedBy })

/** The question after an answer, and whether the answer was in time. */
export interface Answered {
  readonly applied: boolean
  readonly question: Question
}

interface Reply {
  readonly id: string
  readonly by: string
  /** Null: the operator declines to answer. `all` is checked, and `open` is stored. */
  readonly answers: { readonly all: Answers; readonly open: Answers } | null
}

/** Answers a question, or declines to. The first answer counts. A question whose time is over expires instead. */
export const answer = Effect.fnUntraced(function* (
  { answers, by, id }: Reply,
  at: number,
): Effect.fn.Return<Change<Answered>, QuestionNotFound | AnswersInvalid | StorageUnavailable, Tx> {
  const { questions } = yield* Tx
  const found = yield* questions.get(id)
  if (found === undefined) return yield* new QuestionNotFound({ id, isAmbiguous: false })
  if (found.status !== "pending") return [{ applied: false, question: found }, []]
  const problem = answers && answersProblem(found.parts, answers.all)
  if (problem != null) return yield* new AnswersInvalid({ id, message: problem })
  const isLate = found.expiresAt <= at
  const question: Question = isLate
    ? ended(found, "expired", at)
    : answers === null
      ? ended(found, "cancelled", at, by)
      : { ...found, status: "answered", answers: answers.open, resolvedBy: by, resolvedAt: at }
  yield* questions.resolve(question)
  return [{ applied: !isLate, question }, [{ _tag: "QuestionResolved", question }]]
})

/** Returns the error of an answer that came too late, or `undefined`. */
export const closed = ({ applied, question }: Answered): QuestionClosed | undefined =>
  applied ? undefined : new QuestionClosed(question)
