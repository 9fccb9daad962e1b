import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Questions } from "../../../../src/services/questions/Questions.ts"
import { Runs } from "../../../../src/services/runs/Runs.ts"
import { ElicitationRequest, formOf } from "../../../../src/services/runtimes/acp/AgentElicitation.ts"
import { change, layer } from "../../../support/AcpConversations.ts"
import { principal } from "../../../support/Conversations.ts"
import { untilEvent } from "../../../support/Published.ts"

const decode = Schema.decodeUnknownSync(ElicitationRequest)

const form = (properties: object, required: ReadonlyArray<string> = Object.keys(properties)) =>
  formOf(decode({ mode: "form", message: "Tell me.", requestedSchema: { properties, required } }))

describe("The form of an agent", () => {
  it("Each field becomes a part, three in a question, and the answers become values of its type.", () => {
    const made = form({
      name: { type: "string", title: "Name", description: "yours" },
      Size: { type: "string", oneOf: [{ const: "s", title: "Small" }] },
      count: { type: "integer" },
      sure: { type: "boolean" },
      tags: { type: "array", items: { enum: ["a", "b"] } },
    })!
    expect(made.questions.map((parts) => parts.map(({ key }) => key))).toEqual([
      ["name", "field_2", "count"],
      ["sure", "tags"],
    ])
    expect(made.questions[0]!.map(({ text }) => text)).toEqual(["Tell me.\nName: yours", "Size", "count"])
    expect(made.questions[1]!.map(({ options }) => options.map(({ label }) => label))).toEqual([
      ["Yes", "No"],
      ["a", "b"],
    ])
    const answers = { name: ["Ann"], field_2: ["Small"], count: ["2"], sure: ["No"], tags: ["a", "b"] }
    expect(made.content(answers)).toEqual({ name: "Ann", Size: "s", count: 2, sure: false, tags: ["a", "b"] })
    expect(made.content({ ...answers, count: ["2.5"] })).toBeUndefined()
    expect(made.content({ ...answers, count: ["many"] })).toBeUndefined()
  })

  it("An optional field can be skipped.", () => {
    const made = form({ name: { type: "string" }, sure: { type: "boolean" } }, [])!
    expect(made.questions[0]![1]!.options.map(({ label }) => label)).toEqual(["Yes", "No", "-"])
    expect(made.content({ name: ["-"], sure: ["-"] })).toEqual({})
  })

  it("A form without fields asks for a confirmation.", () => {
    const made = form({})!
    expect(made.questions).toMatchObject([[{ text: "Tell me." }]])
    expect([made.content({ confirm: ["Yes"] }), made.content({ confirm: ["No"] })]).toEqual([{}, undefined])
  })

  it("A page to open and a field of another type are no form.", () => {
    expect(formOf(decode({ mode: "url", message: "Open it", url: "https://example.org" }))).toBeUndefined()
    expect(form({ file: { type: "file" } })).toBeUndefined()
    expect(form({ many: { type: "string", enum: Array.from({ length: 40 }, (_, i) => String(i)) } })).toBeUndefined()
  })
})

const color = '{"color":{"type":"string","enum":["red","blue"]}}'

/** Sends the message that makes our agent show a form, and waits until somebody has to answer. */
const asked = Effect.gen(function* () {
  const questions = yield* Questions
  const runs = yield* Runs
  const { runId } = yield* runs.accept({ text: `form ${color}`, sessionKey: "s" }, principal)
  yield* untilEvent(() => questions.waiting().length === 1)
  const reply = Effect.map(runs.wait(runId, 20_000), ({ reply = "" }) => JSON.parse(reply))
  return { questions, question: questions.waiting()[0]!, reply, runs }
})

describe("A command-line agent that asks", () => {
  it.live("It gets the answer of an operator.", () =>
    Effect.gen(function* () {
      const { question, questions, reply } = yield* asked
      expect(question).toMatchObject({ sessionKey: "s", parts: [{ key: "color" }] })
      yield* questions.answer(question.id, { color: ["blue"] }, "ann")
      expect(yield* reply).toEqual({ action: "accept", content: { color: "blue" } })
    }).pipe(Effect.provide(layer())),
  )

  it.live("It learns that an operator declined, and the end of its run cancels the question.", () =>
    Effect.gen(function* () {
      const first = yield* asked
      yield* first.questions.cancel(first.question.id, "ann")
      expect(yield* first.reply).toEqual({ action: "decline" })
      const second = yield* asked
      yield* second.runs.abort("s")
      yield* untilEvent(() => second.questions.waiting().length === 0)
      expect(yield* second.questions.get(second.question.id)).toMatchObject({ status: "cancelled" })
    }).pipe(Effect.provide(layer())),
  )

  it.live("The permission deny for ask refuses the form.", () =>
    Effect.gen(function* () {
      yield* change({ tools: { ask: "deny" } })
      const runs = yield* Runs
      const { runId } = yield* runs.accept({ text: `form ${color}`, sessionKey: "s" }, principal)
      expect((yield* runs.wait(runId, 20_000)).reply).toBe('{"action":"decline"}')
    }).pipe(Effect.provide(layer())),
  )
})
