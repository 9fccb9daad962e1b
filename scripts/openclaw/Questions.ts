/** Tests questions with OpenClaw's Control UI: an agent asks with a real tool, and a person answers in the page. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Page } from "playwright-core"
import * as Checks from "../acceptance/Checks.ts"
import { openPage, sendFrom, signIn } from "./ControlUi.ts"
import { calling, withModel } from "./Gateways.ts"

const Waiting = Schema.Struct({ questions: Schema.Array(Schema.Struct({ id: Schema.String })) })

const PANEL = ".chat-question-panel"

const asks = async (page: Page, question: string) => {
  const options = [{ label: "Rome" }, { label: "Oslo" }]
  await sendFrom(page, `ask ${JSON.stringify({ questions: [{ id: "city", question, options, other: true }] })}`)
  await page.locator(PANEL).getByText(question, { exact: true }).waitFor()
}

/** Waits for the reply of the model, which is the answer, and for the end of the question. */
const answered = async (page: Page, answer: string) => {
  await page.getByText(`{"city":["${answer}"]}`).first().waitFor()
  await page.locator(PANEL).waitFor({ state: "detached" })
}

export const questions = Effect.gen(function* () {
  const { gateway } = yield* withModel
  const { check, checks } = Checks.make()
  const using = yield* openPage
  yield* using(signIn(gateway))
  yield* check(
    "Control UI: shows a question with its options, and a click answers it",
    using(async (page) => {
      await asks(page, "Which city is first?")
      await page.locator(PANEL).getByText("Oslo").click()
      await page.locator(PANEL).getByText("Submit").click()
      await answered(page, "Oslo")
    }),
  )
  yield* check(
    "Control UI: an answer in other words reaches the agent",
    using(async (page) => {
      await asks(page, "Which city is second?")
      await page.locator(PANEL).locator("textarea").fill("Lima")
      await page.locator(PANEL).getByText("Submit").click()
      await answered(page, "Lima")
    }),
  )
  yield* check(
    "Control UI: closes a question that another client answers",
    Effect.gen(function* () {
      yield* using((page) => asks(page, "Which city is third?"))
      const { questions } = yield* Effect.promise(calling(gateway, "questions.list", Waiting))
      yield* gateway.cli("questions", "answer", questions[0]?.id ?? "", "Rome")
      yield* using((page) => answered(page, "Rome"))
    }),
  )
  return checks
})
