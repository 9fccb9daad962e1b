import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Principal } from "../../../../src/domain/Principal.ts"
import { Questions } from "../../../../src/services/questions/Questions.ts"
import { ofFault } from "../../../../src/transport/openclaw/wire/Errors.ts"
import type { Fault } from "../../../../src/transport/dialect/Fault.ts"
import { part } from "../../../support/AskingRuntime.ts"
import { untilEvent } from "../../../support/Published.ts"
import { answer, expectValid, layer, publishedEvents } from "../../../support/OpenClaw.ts"

const errorOf = (method: string, params: unknown) =>
  Effect.map(Effect.flip(answer(method, params)), (fault) => ofFault(4, method, fault as unknown as Fault))

const other: Principal = { id: "other", kind: "local", role: "operator", scopes: ["operator.questions"] }

const color = {
  questionId: "color",
  header: "Color",
  question: "Which color?",
  options: [{ label: "red", description: "warm" }, { label: "blue" }],
  multiSelect: true,
}
const key = { questionId: "key", header: "Key", question: "The key?", options: [], isSecret: true }

describe("Questions", () => {
  it.live(
    "A client asks and waits, others see the question, and one answers it. Every form is the published one.",
    () =>
      Effect.gen(function* () {
        const events = yield* publishedEvents()
        const request = { questions: [color, key], agentId: "main", sessionKey: "agent:main:main", timeoutMs: 60_000 }
        const asked = yield* answer("question.request", request)
        expectValid("QuestionRequestResult", asked)
        const { id } = asked as { id: string }
        const pending = yield* answer("question.waitAnswer", { id, timeoutMs: 1 })
        expect(pending).toEqual({ status: "pending" })
        const listed = yield* answer("question.list")
        expectValid("QuestionListResult", listed)
        expect(listed["questions"]).toMatchObject([{ id, questions: [color, key], status: "pending", agentId: "main" }])
        const waits = yield* Effect.forkScoped(answer("question.waitAnswer", { id }))
        const answers = { answers: { color: ["red", "blue"], key: ["hunter2"] } }
        const resolved = yield* answer("question.resolve", { id, answers, resolvedBy: "me" }, other)
        expectValid("QuestionResolveResult", resolved)
        expect(resolved).toEqual({ status: "answered", answers: { answers: { color: ["red", "blue"] } } })
        const waited = yield* Fiber.join(waits)
        expectValid("QuestionWaitAnswerResult", waited)
        expect(waited).toEqual({ status: "answered", answers })
        expectValid("QuestionWaitAnswerResult", yield* answer("question.waitAnswer", { id }, other))
        const got = yield* answer("question.get", { id })
        expectValid("QuestionGetResult", got)
        expect(got["question"]).toMatchObject({ status: "answered", resolvedBy: "other" })
        expect(events().map(({ event }) => event)).toEqual(["question.requested", "question.resolved"])
        expect(JSON.stringify([events(), resolved, got])).not.toContain("hunter2")
      }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("Errors have the reasons that clients match on.", () =>
    Effect.gen(function* () {
      yield* answer("question.request", { id: "mine", questions: [color] })
      const cases = [
        ["question.request", { id: "mine", questions: [color] }, "QUESTION_ID_IN_USE"],
        ["question.get", { id: "none" }, "QUESTION_NOT_FOUND"],
        ["question.resolve", { id: "mine", answers: { answers: { color: ["green"] } } }, "QUESTION_INVALID_ANSWER"],
        ["question.resolve", { id: "mine", answers: { answers: { color: [""] } } }, "QUESTION_INVALID_ANSWER"],
      ] as const
      for (const [method, params, reason] of cases) {
        expect(yield* errorOf(method, params)).toMatchObject({ code: "INVALID_REQUEST", details: { reason } })
      }
      const cancelled = yield* answer("question.resolve", { id: "mine", cancel: true })
      expectValid("QuestionResolveResult", cancelled)
      expect(yield* errorOf("question.resolve", { id: "mine", cancel: true })).toMatchObject({
        message: "question already resolved",
        details: { reason: "QUESTION_ALREADY_TERMINAL" },
      })
      expectValid("QuestionWaitAnswerResult", yield* answer("question.waitAnswer", { id: "mine" }))
      for (const questions of [
        [],
        [{ ...color, questionId: "No" }],
        [{ ...key, secretStore: { name: "A", kind: "env" } }],
      ]) {
        expect(yield* Effect.flip(answer("question.request", { questions }))).toMatchObject({ _tag: "InvalidParams" })
      }
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("An expired question has an event, and more than four options become text.", () =>
    Effect.gen(function* () {
      const events = yield* publishedEvents()
      const questions = yield* Questions
      const options = ["a", "b", "c", "d", "e"].map((label) => ({ label }))
      const { id } = yield* questions.request({ parts: [part("letter", { options })], timeoutMs: 1 }, "asker")
      const waited = yield* answer("question.waitAnswer", { id })
      expectValid("QuestionWaitAnswerResult", waited)
      expect(waited).toEqual({ status: "expired" })
      yield* untilEvent(() => events().length === 2)
      const [requested, resolved] = events()
      expect(requested?.payload.questions).toMatchObject([
        { options: [], question: "Which letter?\n- a\n- b\n- c\n- d\n- e" },
      ])
      expect(resolved).toMatchObject({ event: "question.resolved", payload: { id, status: "expired" } })
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )
})
