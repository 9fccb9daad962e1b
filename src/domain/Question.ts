/**
 * Questions: what agents and clients ask people, the answers, and the methods to list and answer them. Answers.ts checks
 * the answers. The service Questions keeps them.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import {
  EpochMillis,
  Id,
  list as listOf,
  NAME_CHARS,
  nonEmptyText,
  printableText,
  RunMillis,
  SECRET_CHARS,
  SESSION_KEY_CHARS,
  text,
  WaitMillis,
} from "./Bounds.ts"
import { LimitReached } from "./LimitReached.ts"
import { RequiredScope } from "./Principal.ts"
import { Authorized } from "./Refusal.ts"
import { StorageUnavailable } from "./Storage.ts"

/** The parts of one question. */
export const QUESTION_PARTS = 3

/** The options of one part. */
export const QUESTION_OPTIONS = 32

/** Characters of the text of a part. */
const TEXT_CHARS = 4_096

/** Characters of one answer. */
const ANSWER_CHARS = SECRET_CHARS

export const QuestionOption = Schema.Struct({
  label: nonEmptyText(NAME_CHARS),
  description: Schema.optionalKey(text(NAME_CHARS)),
})
export type QuestionOption = typeof QuestionOption.Type

/** The name of a part: its answers come under it. */
export const PartKey = text(64).check(
  Schema.isPattern(/^[a-z][a-z0-9_]{0,63}$/, { expected: "1 to 64 lower-case letters, digits and _, a letter first" }),
)

export const QuestionPart = Schema.Struct({
  key: PartKey,
  /** One or two words for a heading, or empty. */
  title: text(12),
  text: nonEmptyText(TEXT_CHARS),
  /** Empty: the answer is free text. */
  options: listOf(QuestionOption, QUESTION_OPTIONS),
  /** Whether several answers are possible. */
  isMultiple: Schema.Boolean,
  /** Whether other answers than the options are possible. */
  isFree: Schema.Boolean,
  /** Whether the gateway hands the answer to the asker only, and neither stores, logs nor publishes it. */
  isSecret: Schema.Boolean,
}).annotate({ identifier: "QuestionPart" })
export type QuestionPart = typeof QuestionPart.Type

export const QuestionParts = Schema.Array(QuestionPart).check(Schema.isMinLength(1), Schema.isMaxLength(QUESTION_PARTS))

/** The answers by the keys of the parts. */
export const Answers = Schema.Record(Schema.String, Schema.Array(Schema.String)).annotate({ identifier: "Answers" })
export type Answers = typeof Answers.Type

/** `expired`: nobody answered in time. `cancelled`: an operator declined to answer, or the run ended before. */
export const QuestionStatus = Schema.Literals(["pending", "answered", "expired", "cancelled"])
export type QuestionStatus = typeof QuestionStatus.Type

export const Question = Schema.Struct({
  id: Schema.String,
  /**
   * The agent, the session and the run for which it is asked. The question of a client may have none of them: the members
   * are empty.
   */
  agentId: Schema.String,
  sessionKey: Schema.String,
  runId: Schema.String,
  callId: Schema.String,
  /** The client that asks, or null if the run does. */
  askedBy: Schema.NullOr(Schema.String),
  parts: QuestionParts,
  /** The SHA-256 of agent, session and parts, in hexadecimal. */
  digest: Schema.String,
  createdAt: EpochMillis,
  expiresAt: EpochMillis,
  status: QuestionStatus,
  /** The answers without the secret ones. Null unless somebody has answered. */
  answers: Schema.NullOr(Answers),
  /** The principal that answered or declined, or null. */
  resolvedBy: Schema.NullOr(Schema.String),
  resolvedAt: Schema.NullOr(EpochMillis),
}).annotate({ identifier: "Question" })
export type Question = typeof Question.Type

/** No question has the id, or several waiting ones begin with it. */
export class QuestionNotFound extends Schema.TaggedError<QuestionNotFound>()("QuestionNotFound", {
  id: Schema.String,
  isAmbiguous: Schema.Boolean,
}) {}

/** Somebody answered the question before, or it no longer waits. */
export class QuestionClosed extends Schema.TaggedError<QuestionClosed>()("QuestionClosed", {
  id: Schema.String,
  status: QuestionStatus,
  resolvedBy: Schema.NullOr(Schema.String),
}) {}

/** A question with the id exists. */
export class QuestionExists extends Schema.TaggedError<QuestionExists>()("QuestionExists", { id: Schema.String }) {}

/** The answers do not fit the question, which still waits. The message never shows an answer. */
export class AnswersInvalid extends Schema.TaggedError<AnswersInvalid>()("AnswersInvalid", {
  id: Schema.String,
  message: Schema.String,
}) {}

/** Returns the reason why an answer came too late. */
export const questionClosedReason = ({ resolvedBy, status }: Pick<QuestionClosed, "status" | "resolvedBy">): string => {
  const by = resolvedBy === null ? "" : ` by "${resolvedBy}"`
  switch (status) {
    case "expired":
      return "it expired before the answer"
    case "cancelled":
      return by === "" ? "its run ended before the answer" : `it was declined${by} before`
    default:
      return `it was answered${by} before`
  }
}

/** The id, or the beginning of one that no other waiting question has. */
const QuestionId = Id

const list = Rpc.make("questions.list", {
  payload: {},
  /** Oldest first. */
  success: Schema.Struct({ questions: Schema.Array(Question) }),
}).annotate(RequiredScope, "operator.questions")

const get = Rpc.make("questions.get", {
  payload: { id: QuestionId },
  success: Question,
  error: Schema.Union([QuestionNotFound, StorageUnavailable]),
}).annotate(RequiredScope, "operator.questions")

const ask = Rpc.make("questions.ask", {
  payload: {
    /** Left out: the gateway makes one. */
    id: Schema.optionalKey(Id),
    parts: QuestionParts,
    agentId: Schema.optionalKey(Id),
    sessionKey: Schema.optionalKey(printableText(SESSION_KEY_CHARS)),
    runId: Schema.optionalKey(Id),
    /** Milliseconds until it expires. Left out: `tools.questionMs`. */
    timeoutMs: Schema.optionalKey(RunMillis),
  },
  success: Question,
  error: Schema.Union([QuestionExists, AnswersInvalid, LimitReached, StorageUnavailable]),
}).annotate(RequiredScope, "operator.questions")

const wait = Rpc.make("questions.wait", {
  payload: {
    id: QuestionId,
    /** Milliseconds: 30,000 by default, 600,000 at most. */
    timeoutMs: Schema.optionalKey(WaitMillis),
  },
  success: Schema.Struct({
    question: Question,
    /** Null unless somebody has answered. The asker gets the secret answers here too, once. */
    answers: Schema.NullOr(Answers),
  }),
  error: Schema.Union([QuestionNotFound, StorageUnavailable]),
}).annotate(RequiredScope, "operator.questions")

const answer = Rpc.make("questions.answer", {
  payload: {
    id: QuestionId,
    answers: Schema.Record(Schema.String, listOf(text(ANSWER_CHARS), QUESTION_OPTIONS + 1)),
  },
  success: Question,
  error: Schema.Union([QuestionNotFound, QuestionClosed, AnswersInvalid, StorageUnavailable]),
}).annotate(RequiredScope, "operator.questions")

const cancel = Rpc.make("questions.cancel", {
  payload: { id: QuestionId },
  success: Question,
  error: Schema.Union([QuestionNotFound, QuestionClosed, StorageUnavailable]),
}).annotate(RequiredScope, "operator.questions")

export const QuestionRpcs = RpcGroup.make(list, get, ask, wait, answer, cancel).middleware(Authorized)
