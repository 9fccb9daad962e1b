import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Questions } from "../../../src/services/questions/Questions.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import * as AskTool from "../../../src/services/toolkit/AskTool.ts"
import { principal } from "../../support/Conversations.ts"
import { recordEvents, untilEvent } from "../../support/Published.ts"
import { answer, calls, finish, says, scripted, shown } from "../../support/ScriptedModels.ts"

/** A model that asks with the input, and then speaks. */
const asking = (...questions: ReadonlyArray<object>) => {
  const { layer, requests } = scripted({
    answer: (_, n) =>
      n === 0 ? answer(calls("1", "ask", { questions }), finish("tool-calls")) : answer(says("Thank you.")),
  })
  return { requests, layer: Layer.provideMerge(AskTool.layer, layer) }
}

const start = Effect.gen(function* () {
  const published = yield* recordEvents
  const questions = yield* Questions
  const runs = yield* Runs
  const { runId } = yield* runs.accept({ text: "go", sessionKey: "s" }, principal)
  yield* untilEvent(() => questions.waiting().length === 1)
  const ended = Effect.map(runs.wait(runId, 10_000), ({ reply }) => reply)
  return { ended, published, question: questions.waiting()[0]!, questions }
})

describe("ask", () => {
  it.live("The model asks, an operator answers, and the model reads the answers.", () => {
    const { layer, requests } = asking(
      { id: "color", header: "Color", question: "Which color?", options: [{ label: "red" }, { label: "blue" }] },
      { id: "sizes", question: "Which sizes?", options: [{ label: "1" }], multiple: true, other: true },
    )
    return Effect.gen(function* () {
      const { ended, published, question, questions } = yield* start
      expect(question.parts).toEqual([
        {
          key: "color",
          title: "Color",
          text: "Which color?",
          options: [{ label: "red" }, { label: "blue" }],
          isMultiple: false,
          isFree: false,
          isSecret: false,
        },
        {
          key: "sizes",
          title: "",
          text: "Which sizes?",
          options: [{ label: "1" }],
          isMultiple: true,
          isFree: true,
          isSecret: false,
        },
      ])
      yield* questions.answer(question.id, { color: ["red"], sizes: ["1", "2"] }, "ann")
      expect(yield* ended).toBe("Thank you.")
      expect(published).toContainEqual(
        expect.objectContaining({ _tag: "ToolUpdated", text: expect.stringContaining(`/answer ${question.id}`) }),
      )
      expect(requests[1]!.messages.map(shown).at(-1)).toBe('tool: result {"color":["red"],"sizes":["1","2"]}')
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.live("The model reads a secret answer, and neither events nor the history show it.", () => {
    const { layer, requests } = asking(
      { id: "key", question: "The key?", secret: true },
      { id: "name", question: "Name?" },
    )
    return Effect.gen(function* () {
      const { ended, published, question, questions } = yield* start
      yield* questions.answer(question.id, { key: ["hunter2"], name: ["ann"] }, "ann")
      yield* ended
      expect(requests[1]!.messages.map(shown).at(-1)).toContain("hunter2")
      const { messages } = yield* (yield* Sessions).history("s", { limit: 10 })
      expect(messages.find(({ tool }) => tool?.callId === "1")?.tool?.output).toBe(
        '{"name":["ann"],"key":["[secret]"]}',
      )
      expect(JSON.stringify([published, messages])).not.toContain("hunter2")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.live("The model reads that an operator declined to answer.", () => {
    const { layer, requests } = asking({ id: "color", question: "Which color?" })
    return Effect.gen(function* () {
      const { ended, question, questions } = yield* start
      yield* questions.cancel(question.id, "ann")
      yield* ended
      expect(requests[1]!.messages.map(shown).at(-1)).toContain("declined to answer")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})
