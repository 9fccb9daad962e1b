import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import type { Answers, Question } from "../../../src/domain/Question.ts"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { RuntimeFailed, type RuntimeEvent } from "../../../src/domain/Run.ts"
import type { AgentRuntime } from "../../../src/services/agents/AgentRuntime.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Questions } from "../../../src/services/questions/Questions.ts"
import { Approvals } from "../../../src/services/approvals/Approvals.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import * as AgentTool from "../../../src/services/tools/AgentTool.ts"
import { ToolQuestion } from "../../../src/services/tools/ToolQuestion.ts"
import { Tools } from "../../../src/services/tools/Tools.ts"
import { asking, askingRuntime, part } from "../../support/AskingRuntime.ts"
import type { ConversationOptions } from "../../support/Conversations.ts"
import { open } from "../../support/OpenConversations.ts"
import { newPlace, queryAt } from "../../support/TestDatabase.ts"

interface Options extends Pick<ConversationOptions, "config" | "place"> {
  readonly onAnswer?: (answers: Answers) => Effect.Effect<void>
}

/** A gateway whose agents ask, with the answers that they got. */
const start = Effect.fnUntraced(function* ({ onAnswer = () => Effect.void, ...options }: Options = {}) {
  const got: Array<Answers> = []
  const logged: Array<string> = []
  const runtime = askingRuntime((answers) =>
    Effect.andThen(
      Effect.sync(() => got.push(answers)),
      onAnswer(answers),
    ),
  )
  const opened = yield* open(runtime, { ...options, onLog: (message) => logged.push(message) })
  const questions = yield* opened.use(Questions)
  const resolved = () => opened.published.filter(({ _tag }) => _tag === "QuestionResolved")
  return { ...opened, got, logged, questions, resolved, waiting: opened.waitingIn(questions.waiting) }
})

const one = (questions: ReadonlyArray<Question>): Question => {
  expect(questions).toHaveLength(1)
  return questions[0]!
}

const color = part("color", { options: [{ label: "red" }, { label: "blue" }] })
const key = part("key", { isSecret: true })

describe("A question of a run", () => {
  it.effect("It waits, everybody sees it, and the run goes on with the answer.", () =>
    Effect.gen(function* () {
      const { got, published, questions, reply, send, waiting } = yield* start()
      yield* send(asking([color]), "r")
      const question = one(yield* waiting(1))
      expect(question).toMatchObject({ agentId: "main", sessionKey: "s", runId: "r", status: "pending", askedBy: null })
      expect(published).toContainEqual({ _tag: "QuestionRequested", question })
      const answered = yield* questions.answer(question.id.slice(0, 20), { color: ["blue"] }, "ann")
      expect(answered).toMatchObject({ status: "answered", answers: { color: ["blue"] }, resolvedBy: "ann" })
      expect(yield* reply("r")).toBe("answered color")
      expect(got).toEqual([{ color: ["blue"] }])
      expect(published).toContainEqual({ _tag: "QuestionResolved", question: answered })
      expect(questions.waiting()).toEqual([])
    }).pipe(Effect.scoped),
  )

  it.effect("An answer that does not fit is refused with the reason, and the question still waits.", () =>
    Effect.gen(function* () {
      const { questions, reply, send, waiting } = yield* start()
      yield* send(asking([color, part("size")]), "r")
      const { id } = one(yield* waiting(1))
      const cases: ReadonlyArray<readonly [Answers, string]> = [
        [{}, 'The part "color" has no answer.'],
        [{ color: ["green"], size: ["1"] }, 'The part "color" takes "red", "blue" only.'],
        [{ color: ["red", "blue"], size: ["1"] }, 'The part "color" takes one answer.'],
        [{ color: ["red"], size: [" "] }, 'An answer to the part "size" is empty.'],
        [{ color: ["red"], size: ["1"], constructor: ["x"] }, "The question has the parts color, size only."],
      ]
      for (const [answers, message] of cases) {
        expect(yield* Effect.flip(questions.answer(id, answers, "ann"))).toMatchObject({
          _tag: "AnswersInvalid",
          message,
        })
      }
      expect(questions.waiting()).toHaveLength(1)
      yield* questions.answer(id, { color: ["red"], size: ["1"] }, "ann")
      expect(yield* reply("r")).toBe("answered color size")
    }).pipe(Effect.scoped),
  )

  it.effect("A secret answer reaches the run, and no event, row or log message has it.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const { got, logged, published, questions, reply, send, stop, waiting } = yield* start({ place })
      yield* send(asking([key, part("name")]), "r")
      const { id } = one(yield* waiting(1))
      const wrong = yield* Effect.flip(questions.answer(id, { key: ["hunter2-wrong"] }, "ann"))
      const answered = yield* questions.answer(id, { key: ["hunter2"], name: ["ann"] }, "ann")
      expect(answered.answers).toEqual({ name: ["ann"] })
      expect(yield* reply("r")).toBe("answered name key")
      expect(got).toEqual([{ name: ["ann"], key: ["hunter2"] }])
      expect((yield* questions.wait(id, 0, "ann")).answers).toEqual({ name: ["ann"] })
      expect(JSON.stringify([published, logged, wrong])).not.toContain("hunter2")
      yield* stop
      for (const table of ["questions", "events", "messages", "turns"]) {
        const rows = yield* queryAt(place, `SELECT * FROM ${table}`)
        expect(rows.length).toBeGreaterThan(0)
        expect(JSON.stringify(rows)).not.toContain("hunter2")
      }
    }).pipe(Effect.scoped),
  )

  it.effect("Its run has no place among the running ones, and the time does not count to the time of the run.", () =>
    Effect.gen(function* () {
      const config = { runs: { concurrent: 1, deadlineMs: 1_000 } }
      const { admission, questions, reply, runs, send, stage, use, waiting } = yield* start({ config })
      yield* send(asking([color]), "r")
      const { id } = one(yield* waiting(1))
      yield* TestClock.adjust(60_000)
      yield* use(Effect.flatMap(Agents, (agents) => agents.create({ id: "busy", name: "Busy", runtime: "staged" })))
      yield* send("work", "q", { sessionKey: "t", agentId: "busy" })
      const other = yield* stage.next
      expect(admission.running()).toBe(1)
      yield* questions.answer(id, { color: ["red"] }, "ann")
      expect((yield* runs.get("r")).state).toBe("running")
      yield* other.end
      expect(yield* reply("r")).toBe("answered color")
    }).pipe(Effect.scoped),
  )

  it.effect(
    "Nobody answers in time: an event says so, the run goes on, and a later answer learns why it is late.",
    () =>
      Effect.gen(function* () {
        const { questions, reply, resolved, send, until, waiting } = yield* start({
          config: { tools: { questionMs: 5_000 } },
        })
        yield* send(asking([color]), "r")
        const { id } = one(yield* waiting(1))
        yield* TestClock.adjust(4_999)
        expect(questions.waiting()).toHaveLength(1)
        yield* TestClock.adjust(1)
        yield* until(() => resolved().length === 1)
        expect(yield* questions.get(id)).toMatchObject({ status: "expired", answers: null, resolvedAt: 5_000 })
        expect(yield* reply("r")).toBe("expired")
        const error = yield* Effect.flip(questions.answer(id, { color: ["red"] }, "ann"))
        expect(error).toMatchObject({ _tag: "QuestionClosed", status: "expired" })
      }).pipe(Effect.scoped),
  )

  it.effect("Of two operators who answer at once one wins, and the run gets the winner's secret.", () =>
    Effect.gen(function* () {
      const { got, questions, reply, resolved, send, waiting } = yield* start()
      yield* send(asking([key]), "r")
      const { id } = one(yield* waiting(1))
      const [ann, bob] = yield* Effect.all(
        [
          Effect.result(questions.answer(id, { key: ["of ann"] }, "ann")),
          Effect.result(questions.answer(id, { key: ["of bob"] }, "bob")),
        ],
        { concurrency: "unbounded" },
      )
      expect(ann).toMatchObject({ _tag: "Success" })
      expect(bob).toMatchObject({ failure: { _tag: "QuestionClosed", status: "answered", resolvedBy: "ann" } })
      expect(yield* reply("r")).toBe("answered key")
      expect(got).toEqual([{ key: ["of ann"] }])
      expect(resolved()).toHaveLength(1)
    }).pipe(Effect.scoped),
  )

  it.effect("An operator can decline, and the end of the run cancels it.", () =>
    Effect.gen(function* () {
      const { questions, reply, resolved, runs, send, until, waiting } = yield* start()
      yield* send(asking([color]), "r")
      const first = one(yield* waiting(1))
      expect(yield* questions.cancel(first.id, "ann")).toMatchObject({ status: "cancelled", resolvedBy: "ann" })
      expect(yield* reply("r")).toBe("declined")
      yield* send(asking([color]), "q")
      const second = one(yield* waiting(1))
      yield* runs.abort("s")
      yield* until(() => resolved().length === 2)
      expect(yield* questions.get(second.id)).toMatchObject({ status: "cancelled", resolvedBy: null })
    }).pipe(Effect.scoped),
  )

  it.effect("The same question twice in a run needs two answers.", () =>
    Effect.gen(function* () {
      const { got, questions, reply, send, until, waiting } = yield* start()
      yield* send(asking([color], [color]), "r")
      const first = one(yield* waiting(1))
      yield* questions.answer(first.id, { color: ["red"] }, "ann")
      yield* until(() => questions.waiting().some(({ id }) => id !== first.id))
      yield* questions.answer(one(questions.waiting()).id, { color: ["blue"] }, "ann")
      yield* reply("r")
      expect(got).toEqual([{ color: ["red"] }, { color: ["blue"] }])
    }).pipe(Effect.scoped),
  )

  it.effect("Questions above limits.questions and questions that nobody can answer are not asked.", () =>
    Effect.gen(function* () {
      const { questions, reply, send, waiting } = yield* start({ config: { limits: { questions: 1 } } })
      yield* send(asking([color]), "r")
      yield* waiting(1)
      yield* send(asking([part("size")]), "q", { sessionKey: "t" })
      expect(yield* reply("q")).toContain("1 questions wait for an answer already")
      yield* send(asking([color, color]), "p", { sessionKey: "t" })
      expect(yield* reply("p")).toContain("Two parts have the same key")
      expect(questions.waiting()).toHaveLength(1)
    }).pipe(Effect.scoped),
  )
})

describe("A question of a client", () => {
  it.effect("The asker alone gets the secret answer, once.", () =>
    Effect.gen(function* () {
      const { published, questions } = yield* start()
      const { id } = yield* questions.request({ id: "mine", parts: [key, color] }, "asker")
      expect(yield* Effect.flip(questions.request({ id, parts: [color] }, "asker"))).toMatchObject({
        _tag: "QuestionExists",
      })
      expect(yield* questions.wait(id, 0, "asker")).toMatchObject({ question: { status: "pending" }, answers: null })
      const waits = yield* Effect.forkScoped(questions.wait(id, 60_000, "asker"), { startImmediately: true })
      yield* questions.answer(id, { key: ["k"], color: ["red"] }, "ann")
      expect((yield* questions.wait(id, 0, "bob")).answers).toEqual({ color: ["red"] })
      expect((yield* Fiber.join(waits)).answers).toEqual({ color: ["red"], key: ["k"] })
      expect((yield* questions.wait(id, 0, "asker")).answers).toEqual({ color: ["red"] })
      expect(published.map(({ _tag }) => _tag)).toEqual(["QuestionRequested", "QuestionResolved"])
    }).pipe(Effect.scoped),
  )

  it.effect("It has its own time, survives a restart, and expires afterwards.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start({ place })
      const { id } = yield* before.questions.request({ parts: [color], timeoutMs: 1_000 }, "asker")
      yield* before.stop
      const after = yield* start({ place })
      expect(one(after.questions.waiting()).id).toBe(id)
      yield* TestClock.adjust(1_000)
      yield* after.until(() => after.resolved().length === 1)
      expect((yield* after.questions.wait(id, 60_000, "asker")).question.status).toBe("expired")
    }).pipe(Effect.scoped),
  )
})

describe("Questions after a restart", () => {
  it.effect("A question that waits keeps its id, and the run that asks again gets its answer.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start({ place })
      yield* before.send(asking([color]), "r")
      const { id } = one(yield* before.waiting(1))
      yield* before.stop
      const after = yield* start({ place })
      expect(one(after.questions.waiting()).id).toBe(id)
      yield* after.questions.answer(id, { color: ["red"] }, "ann")
      expect(yield* after.reply("r")).toBe("answered color")
    }).pipe(Effect.scoped),
  )

  it.effect(
    "The next attempt of a run gets the answers of the last one again, in order, and asks for secrets again.",
    () =>
      Effect.gen(function* () {
        const place = yield* newPlace
        const reached = yield* Deferred.make<void>()
        const hold = (answers: Answers) =>
          "key" in answers ? Effect.andThen(Deferred.succeed(reached, undefined), Effect.never) : Effect.void
        const before = yield* start({ place, onAnswer: hold })
        yield* before.send(asking([color], [color], [key]), "r")
        for (const label of ["red", "blue"]) {
          yield* before.until(() => before.questions.waiting().length === 1)
          yield* before.questions.answer(one(before.questions.waiting()).id, { color: [label] }, "ann")
        }
        yield* before.until(() => before.questions.waiting().length === 1)
        yield* before.questions.answer(one(before.questions.waiting()).id, { key: ["k"] }, "ann")
        yield* Deferred.await(reached)
        yield* before.stop
        const after = yield* start({ place })
        yield* after.questions.answer(one(yield* after.waiting(1)).id, { key: ["k2"] }, "ann")
        yield* after.reply("r")
        expect(after.got).toEqual([{ color: ["red"] }, { color: ["blue"] }, { key: ["k2"] }])
      }).pipe(Effect.scoped),
  )
})

describe("A secret that an agent repeats", () => {
  const SECRET = 'hunter"2-and-more'
  const got: Array<string> = []
  const login = AgentTool.make({
    name: "login",
    description: "Signs in.",
    parameters: Schema.Struct({ password: Schema.String }),
    success: Schema.String,
    permission: "ask",
    handle: ({ password }) => Effect.sync(() => `signed in with ${got.push(password)} ${password}`),
  })
  const tools = Tools.add(login).pipe(Layer.provideMerge(Tools.layer), Layer.provide(GatewayConfig.layer({})))
  const repeating: AgentRuntime = {
    name: "repeating",
    models: [],
    run: ({ agent, attempt, principal, runId, sessionKey }) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const { ask } = yield* ToolQuestion
          const { call } = yield* Tools
          const run = { agent, attempt, principal, runId, sessionKey }
          const outcome = yield* Effect.scoped(ask({ ...run, callId: "1", parts: [key] }))
          const secret = outcome._tag === "Answered" ? (outcome.answers["key"]?.[0] ?? "") : ""
          const input = JSON.stringify({ password: secret })
          const { text: output } = yield* call(run, "login", { password: secret }, "2")
          return Stream.fromIterable<RuntimeEvent>([
            { _tag: "Thinking", text: `It is ${secret.slice(0, 3)}` },
            { _tag: "ToolStarted", callId: "2", name: "login", input },
            { _tag: "ToolUpdated", callId: "2", text: `with ${secret}` },
            { _tag: "ToolEnded", callId: "2", output, isError: false },
            { _tag: "Thinking", text: `${secret.slice(3)}.` },
            ...[...`You said ${secret}, and hunt`].map((text) => ({ _tag: "Text" as const, text })),
          ])
        }).pipe(
          Effect.provide(tools),
          Effect.mapError(({ message }) => new RuntimeFailed({ runtime: "repeating", detail: message })),
        ),
      ),
  }

  it.effect("The tool gets it, and everything that is stored, published, shown or logged has a mask.", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      got.length = 0
      const opened = yield* open(repeating, { onLog: (message) => logged.push(message) })
      const questions = yield* opened.use(Questions)
      const approvals = yield* opened.use(Approvals)
      yield* opened.send("go", "r")
      const question = one(yield* opened.waitingIn(questions.waiting)(1))
      yield* questions.answer(question.id, { key: [SECRET] }, "ann")
      const [approval] = yield* opened.waitingIn(approvals.waiting)(1)
      // A grant of a masked input would cover other secrets.
      expect(approval).toMatchObject({ input: '{"password":"[secret]"}', decisions: ["allow-once", "deny"] })
      yield* approvals.decide(approval!.id, "allow-once", "ann")
      expect(yield* opened.reply("r")).toBe("You said [secret], and hunt")
      expect(got).toEqual([SECRET])
      const sessions = yield* opened.use(Sessions)
      const { messages } = yield* sessions.history("s", { limit: 10 })
      expect(messages.slice(1)).toMatchObject([
        { tool: { input: '{"password":"[secret]"}', output: "signed in with 1 [secret]" } },
        { text: "You said [secret], and hunt", thinking: "It is [secret]." },
      ])
      const told = JSON.stringify([messages, opened.published, logged])
      expect(told).not.toContain("and-more")
      const deltas = opened.published.flatMap((event) => (event._tag === "TextDelta" ? [event.text] : []))
      expect(deltas.join("")).toBe("You said [secret], and hunt")
    }).pipe(Effect.scoped),
  )
})
