/**
 * Questions: the methods by which OpenClaw's clients ask, see and answer questions, and the views of questions. Methods.ts
 * uses the methods, Events.ts the views.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import {
  list as listOf,
  NAME_CHARS,
  nonEmptyText,
  RUN_MS,
  SECRET_CHARS,
  text,
  WAIT_MS,
} from "../../../domain/Bounds.ts"
import {
  type Answers,
  PartKey,
  type Question,
  QUESTION_OPTIONS,
  QUESTION_PARTS,
  type QuestionPart,
} from "../../../domain/Question.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { filled, given, hasText, maybe } from "../../dialect/Params.ts"
import { call, type Query } from "../../dialect/Query.ts"
import { bounded, flag, id, ignored, invalid, name, NoParams, number } from "../wire/Params.ts"
import type { Row } from "./MethodTable.ts"

/** The options of a part in this protocol. */
const OPTIONS = 4

/** Clients of this protocol show four options. A part with more takes text, and its own text lists the options. */
const partRow = ({ isFree, isMultiple, isSecret, key, options, text, title }: QuestionPart) => {
  const isShown = options.length <= OPTIONS
  return {
    questionId: key,
    header: title,
    question: isShown ? text : `${text}\n${options.map(({ label }) => `- ${label}`).join("\n")}`,
    options: isShown ? options : [],
    ...(isMultiple && { multiSelect: true }),
    ...(isFree && { isOther: true }),
    ...(isSecret && { isSecret: true }),
  }
}

const answersRow = (answers: Answers) => ({ answers: { answers } })

/** The payload of `question.requested`, and a row of `question.list`. */
export const questionRow = (question: Question) => {
  const { agentId, answers, createdAt, expiresAt, id, parts, resolvedBy, runId, sessionKey, status } = question
  return {
    id,
    questions: parts.map(partRow),
    ...given({ agentId: filled(agentId), sessionKey: filled(sessionKey), runId: filled(runId) }),
    createdAtMs: Math.floor(createdAt),
    expiresAtMs: Math.floor(expiresAt),
    status,
    ...(answers !== null && answersRow(answers)),
    ...given({ resolvedBy }),
  }
}

/** The payload of `question.resolved`. */
export const resolvedQuestionRow = ({ answers, id, status }: Question) => ({
  id,
  status,
  ...(answers !== null && answersRow(answers)),
})

const Asked = Schema.Struct({
  questionId: PartKey,
  header: maybe(text(12)),
  question: nonEmptyText(4_096),
  options: maybe(
    listOf(Schema.Struct({ label: nonEmptyText(NAME_CHARS), description: maybe(text(NAME_CHARS)) }), QUESTION_OPTIONS),
  ),
  multiSelect: flag,
  isOther: flag,
  isSecret: flag,
  secretStore: ignored,
})

const partOf = ({ header, isOther, isSecret, multiSelect, options, question, questionId }: typeof Asked.Type) => ({
  key: questionId,
  title: header ?? "",
  text: question,
  options: (options ?? []).map(({ description, label }) => (description == null ? { label } : { label, description })),
  isMultiple: multiSelect ?? false,
  isFree: isOther ?? false,
  isSecret: isSecret ?? false,
})

const request = dialectMethod(
  Schema.Struct({
    id,
    questions: Schema.Array(Asked).check(Schema.isMinLength(1), Schema.isMaxLength(QUESTION_PARTS)),
    agentId: name,
    sessionKey: name,
    runId: id,
    timeoutMs: number,
  }),
  ({ agentId, id, questions, runId, sessionKey, timeoutMs }) => {
    if (questions.some(({ secretStore }) => secretStore != null)) return invalid("this gateway has no secret store")
    const of = given({ id: filled(id), agentId: filled(agentId), sessionKey: filled(sessionKey), runId: filled(runId) })
    const until = timeoutMs == null ? {} : { timeoutMs: bounded(timeoutMs, 1, RUN_MS) }
    return Effect.map(
      call("questions.ask", { ...of, ...until, parts: questions.map(partOf) }),
      ({ expiresAt, id }) => ({
        id,
        expiresAtMs: Math.floor(expiresAt),
      }),
    )
  },
)

const list = dialectMethod(NoParams, () =>
  Effect.map(call("questions.list", {}), ({ questions }) => ({ questions: questions.map(questionRow) })),
)

const get = dialectMethod(Schema.Struct({ id }), ({ id }) =>
  hasText(id)
    ? Effect.map(call("questions.get", { id }), (question) => ({ question: questionRow(question) }))
    : invalid("id is required"),
)

const Answered = Schema.Struct({
  answers: Schema.Record(text(64), listOf(text(SECRET_CHARS), QUESTION_OPTIONS + 1)),
})

/** The gateway knows its caller, so it needs no `resolvedBy`. */
const resolve = dialectMethod(
  Schema.Struct({ id, answers: maybe(Answered), cancel: flag, resolvedBy: ignored }),
  ({ answers, cancel, id }) => {
    if (!hasText(id)) return invalid("id is required")
    if (cancel === true) return Effect.as(call("questions.cancel", { id }), { status: "cancelled" })
    if (answers == null) return invalid("answers or cancel is required")
    return Effect.map(call("questions.answer", { id, ...answers }), ({ answers }) => ({
      status: "answered",
      ...answersRow(answers ?? {}),
    }))
  },
)

const wait = (id: string, leftMs: number): Query<object> =>
  Effect.flatMap(
    call("questions.wait", { id, timeoutMs: Math.min(leftMs, WAIT_MS) }),
    ({ answers, question }): Query<object> => {
      if (question.status === "pending" && leftMs > WAIT_MS) return wait(question.id, leftMs - WAIT_MS)
      return Effect.succeed({ status: question.status, ...(answers !== null && answersRow(answers)) })
    },
  )

const waitAnswer = dialectMethod(Schema.Struct({ id, timeoutMs: number }), ({ id, timeoutMs }) =>
  hasText(id) ? wait(id, bounded(timeoutMs, RUN_MS, RUN_MS)) : invalid("id is required"),
)

export const questionMethods: ReadonlyArray<Row> = [
  ["question.request", "operator.questions", request],
  ["question.list", "operator.questions", list],
  ["question.get", "operator.questions", get],
  ["question.resolve", "operator.questions", resolve],
  ["question.waitAnswer", "operator.questions", waitAnswer],
]
