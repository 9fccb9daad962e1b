/**
 * Questions: asks operators in the name of runs and of clients, and hands the answers to the asker. Storage holds each
 * question before anybody sees it, so it survives a restart. Secret answers are in memory only, until the asker has them.
 * It implements ToolQuestion. The handlers of `questions.*` and ChatCommands use it, and so do embedding programs.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { randomUUID } from "node:crypto"
import { hasSecrets, partsProblem, separate } from "../../domain/Answers.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/LimitReached.ts"
import {
  type Answers,
  AnswersInvalid,
  type Question,
  type QuestionClosed,
  type QuestionExists,
  QuestionNotFound,
  type QuestionPart,
} from "../../domain/Question.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { RunAdmission } from "../admission/RunAdmission.ts"
import { Events } from "../events/Events.ts"
import * as Requests from "../requests/Requests.ts"
import { ToolFailed } from "../tools/AgentTool.ts"
import { RunSecrets } from "../tools/RunSecrets.ts"
import { type QuestionOutcome, type RunQuestion, ToolQuestion } from "../tools/ToolQuestion.ts"
import * as Changes from "./QuestionChanges.ts"
import { SecretAnswers } from "./SecretAnswers.ts"

/** The question of a client. */
export interface ClientQuestion {
  readonly id?: string | undefined
  readonly parts: ReadonlyArray<QuestionPart>
  readonly agentId?: string | undefined
  readonly sessionKey?: string | undefined
  readonly runId?: string | undefined
  /** Milliseconds. Left out: `tools.questionMs`. */
  readonly timeoutMs?: number | undefined
}

export class Questions extends Context.Service<
  Questions,
  {
    /** Returns the questions that wait, oldest first. */
    readonly waiting: () => ReadonlyArray<Question>
    /** Returns a question by its id, or by the beginning of the id if it waits. */
    get(id: string): Effect.Effect<Question, QuestionNotFound | StorageUnavailable>
    /** Asks in the name of a client. `by`: the id of its principal, which alone gets secret answers. */
    request(
      question: ClientQuestion,
      by: string,
    ): Effect.Effect<Question, QuestionExists | AnswersInvalid | LimitReached | StorageUnavailable>
    /** Waits until the question ends or the time is up. `answers` has the secret ones if `by` has asked, once. */
    wait(
      id: string,
      timeoutMs: number,
      by: string,
    ): Effect.Effect<
      { readonly question: Question; readonly answers: Answers | null },
      QuestionNotFound | StorageUnavailable
    >
    /** Answers a question. `by`: the id of the principal. The first answer counts; a later one fails. */
    answer(
      id: string,
      answers: Answers,
      by: string,
    ): Effect.Effect<Question, QuestionNotFound | QuestionClosed | AnswersInvalid | StorageUnavailable>
    /** Declines to answer. */
    cancel(id: string, by: string): Effect.Effect<Question, QuestionNotFound | QuestionClosed | StorageUnavailable>
  }
>()("causeway/services/questions/Questions") {
  /** Provides ToolQuestion too: build Tools and the runtimes on it. */
  static readonly layer: Layer.Layer<Questions, StorageUnavailable, Events | GatewayConfig | RunAdmission> =
    Layer.effectContext(Effect.suspend(() => make))
}

const make = Effect.gen(function* () {
  const { limits, tools } = yield* GatewayConfig
  const events = yield* Events
  const requests = yield* Requests.make<Question>({
    name: "questions",
    store: ({ questions }) => questions,
    opened: (event) => (event._tag === "QuestionRequested" ? event.question : undefined),
    closed: (event) => (event._tag === "QuestionResolved" ? event.question : undefined),
    end: (found, status, at) => {
      const question = Changes.ended(found, status, at)
      return [question, { _tag: "QuestionResolved", question }]
    },
  })
  const { waiting } = requests
  const secrets = yield* SecretAnswers.make
  const ofRuns = yield* RunSecrets
  const isFull = () => waiting.size >= limits.questions
  /** One reply at a time, so that the secrets in memory are those of the reply that counts. */
  const replies = Semaphore.makeUnsafe(1)

  /** Shows in the conversation that the run waits. */
  const showIn = ({ id, parts }: Question, { agent, callId, runId, sessionKey }: RunQuestion) => {
    const how = hasSecrets(parts) ? `causeway questions answer ${id}` : `/answer ${id} ...`
    const text = `Waits for an answer: ${parts.map(({ text }) => text).join(" ")} (${how})`
    events.publishLive({ _tag: "ToolUpdated", sessionKey, runId, agentId: agent.id, callId, text })
  }

  const ask = Effect.fn("Questions.ask")(
    function* (asking: RunQuestion) {
      const { agent, attempt, callId, parts, runId, sessionKey } = asking
      const problem = partsProblem(parts)
      if (problem !== undefined) return yield* failed(problem)
      const facts = { agentId: agent.id, sessionKey, runId, callId, askedBy: null, parts }
      while (true) {
        const at = yield* Clock.currentTimeMillis
        const made = Changes.questionOf({ id: randomUUID(), ...facts }, at, at + tools.questionMs)
        const asked = yield* events.commit(Changes.ask(made, attempt, isFull()))
        if (asked === undefined) return yield* failed(tooMany(limits.questions))
        if (asked.status === "pending") showIn(asked, asking)
        const question = yield* requests.endedOutside(asked)
        if (question.status !== "answered") return unanswered(question)
        const secret = secrets.take(question.id)
        if (!(yield* events.commit(Changes.use(question, attempt)))) continue
        // A restart loses secret answers, so the run asks again.
        if (hasSecrets(parts) && secret === undefined) continue
        if (secret !== undefined) ofRuns.add(runId, Object.values(secret).flat())
        const outcome: QuestionOutcome = { _tag: "Answered", answers: { ...question.answers, ...secret } }
        return outcome
      }
    },
    (effect) => Effect.catchTag(effect, "StorageUnavailable", () => failed(NOT_STORED)),
  )

  /** Returns the whole id of a question that waits, or the text itself. */
  const idOf = (text: string): Effect.Effect<string, QuestionNotFound> => {
    const id = requests.idOf(text)
    return id === undefined ? Effect.fail(new QuestionNotFound({ id: text, isAmbiguous: true })) : Effect.succeed(id)
  }

  const get = Effect.fn("Questions.get")(function* (text: string) {
    const id = yield* idOf(text)
    return (yield* requests.get(id)) ?? (yield* new QuestionNotFound({ id, isAmbiguous: false }))
  })

  const request = Effect.fn("Questions.request")(function* (question: ClientQuestion, by: string) {
    const { agentId = "", id = randomUUID(), parts, runId = "", sessionKey = "", timeoutMs } = question
    const problem = partsProblem(parts)
    if (problem !== undefined) return yield* new AnswersInvalid({ id, message: problem })
    if (isFull()) return yield* LimitReached.of("questions", limits.questions)
    const at = yield* Clock.currentTimeMillis
    const facts = { id, agentId, sessionKey, runId, callId: "", askedBy: by, parts }
    return yield* events.commit(Changes.request(Changes.questionOf(facts, at, at + (timeoutMs ?? tools.questionMs))))
  })

  const wait = Effect.fn("Questions.wait")(function* (text: string, timeoutMs: number, by: string) {
    const question = yield* requests.endedWithin(yield* get(text), timeoutMs)
    const secret = question.askedBy === by ? secrets.take(question.id) : undefined
    return { question, answers: question.answers && { ...question.answers, ...secret } }
  })

  const reply = Effect.fnUntraced(function* (id: string, answers: Answers | null, by: string) {
    const known = yield* requests.get(id)
    if (known === undefined) return yield* new QuestionNotFound({ id, isAmbiguous: false })
    const { open, secret } = separate(known.parts, answers ?? {})
    const before = secrets.replace(id, secret)
    const work = Changes.answer({ id, by, answers: answers && { all: answers, open } }, yield* Clock.currentTimeMillis)
    const answered = yield* Effect.uninterruptible(events.commit(work)).pipe(
      Effect.onError(() => Effect.sync(() => secrets.replace(id, before))),
    )
    if (!answered.applied) secrets.replace(id, before)
    const error = Changes.closed(answered)
    return error === undefined ? answered.question : yield* error
  }, replies.withPermit)

  const answer = Effect.fn("Questions.answer")(function* (text: string, answers: Answers, by: string) {
    return yield* reply(yield* idOf(text), answers, by)
  })

  const cancel = Effect.fn("Questions.cancel")(function* (text: string, by: string) {
    // Nothing is checked without answers.
    return yield* Effect.catchTag(reply(yield* idOf(text), null, by), "AnswersInvalid", Effect.die)
  })

  const service = Questions.of({ waiting: () => waiting.list(), get, request, wait, answer, cancel })
  return Context.add(Context.make(Questions, service), ToolQuestion, { ask })
})

const failed = (reason: string) => Effect.fail(new ToolFailed({ message: `The question was not asked: ${reason}` }))

const tooMany = (max: number) => `${max} questions wait for an answer already. Go on without one.`
const NOT_STORED = "the gateway cannot write to its database. Try again later."

const unanswered = ({ resolvedBy, status }: Question): QuestionOutcome => {
  if (status === "expired") return { _tag: "Unanswered", reason: "expired" }
  return { _tag: "Unanswered", reason: resolvedBy === null ? "cancelled" : "declined" }
}
