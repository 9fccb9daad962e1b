import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Questions } from "../../../src/services/questions/Questions.ts"
import { part } from "../../support/AskingRuntime.ts"
import { cli, failure, json } from "../../support/CommandLine.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const color = part("color", { options: [{ label: "red" }, { label: "blue" }] })

layer(TestGateway.layer(), { excludeTestServices: true })("causeway questions", (it) => {
  it.effect("The list shows the options with numbers, and answer takes a number, once.", () =>
    Effect.gen(function* () {
      expect((yield* cli("questions", "list")).stdout).toContain("No question waits for an answer.")
      const questions = yield* Questions
      const { id } = yield* questions.request(
        { parts: [{ ...color, text: "Which\u001b[2J?" }], agentId: "main" },
        "test",
      )
      const { stdout } = yield* cli("questions", "list")
      expect(stdout).toContain(`${id}  main`)
      expect(stdout).toContain("    2. blue")
      expect(stdout).not.toContain("\u001b[2J")
      expect(json(yield* cli("questions", "list", "--json"))).toMatchObject({ questions: [{ id }] })
      expect(failure(yield* cli("questions", "answer", id, "green")).line).toContain('takes "red", "blue" only')
      expect((yield* cli("questions", "answer", id.slice(0, 8), "2")).stdout).toContain(`Answered ${id}.`)
      expect((yield* questions.get(id)).answers).toEqual({ color: ["blue"] })
      expect(failure(yield* cli("questions", "answer", id, "red")).line).toContain("it was answered by")
      expect(failure(yield* cli("questions", "answer", "none", "red")).line).toContain("causeway questions list")
    }),
  )

  it.effect("The parts of a question take key=answer, and a missing one is named.", () =>
    Effect.gen(function* () {
      const questions = yield* Questions
      const { id } = yield* questions.request({ parts: [color, part("name")] }, "test")
      expect(failure(yield* cli("questions", "answer", id, "color=red")).line).toContain('no answer to "name"')
      yield* cli("questions", "answer", id, "color=red", "name=ann", "lee")
      expect((yield* questions.get(id)).answers).toEqual({ color: ["red"], name: ["ann lee"] })
    }),
  )

  it.effect("A secret on the command line is refused, and cancel declines to answer.", () =>
    Effect.gen(function* () {
      const questions = yield* Questions
      const { id } = yield* questions.request({ parts: [part("key", { isSecret: true })] }, "test")
      const refused = failure(yield* cli("questions", "answer", id, "hunter2"))
      expect(refused.line).toContain('the answer "key" is secret')
      expect(refused.line).not.toContain("hunter2")
      expect((yield* cli("questions", "cancel", id)).stdout).toContain(`Declined to answer ${id}.`)
      expect((yield* questions.get(id)).status).toBe("cancelled")
    }),
  )
})
