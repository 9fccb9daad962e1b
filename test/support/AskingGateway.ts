/**
 * A gateway for tests that kill it while a run asks. It sends one message whose run asks for a color and appends the
 * answer to a file, and it answers each question itself. It kills itself at the given moment: `request`, `answer` or
 * `effect`. With `never` it exits when the run has ended, and prints the reply. Run it as
 * `node AskingGateway.ts <place> <file> <moment> <color>`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import type { Question } from "../../src/domain/Question.ts"
import { Events } from "../../src/services/events/Events.ts"
import { Questions } from "../../src/services/questions/Questions.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import { asking, askingRuntime, part } from "./AskingRuntime.ts"
import { layer, principal } from "./Conversations.ts"

const [, , place = "", file = "", moment = "never", color = "red"] = process.argv

const dieAt = (reached: string): void => {
  if (moment === reached) process.kill(process.pid, "SIGKILL")
}

const runtime = askingRuntime((answers) =>
  Effect.sync(() => {
    Fs.appendFileSync(file, `${answers["color"]?.join()}\n`, { flush: true })
    dieAt("effect")
  }),
)

const operator = Layer.effectDiscard(
  Effect.gen(function* () {
    const questions = yield* Questions
    const events = yield* Events
    const runFork = Effect.runForkWith(yield* Effect.context())
    const answer = ({ id }: Question) => {
      dieAt("request")
      Fs.writeSync(1, `answered ${id}\n`)
      runFork(questions.answer(id, { color: [color] }, "operator"))
    }
    yield* events.onEvent(({ event }) => {
      if (event._tag === "QuestionRequested") answer(event.question)
      if (event._tag === "QuestionResolved") dieAt("answer")
    })
    questions.waiting().forEach(answer)
  }),
)

void Effect.gen(function* () {
  const runs = yield* Runs
  yield* runs.accept({ text: asking([part("color")]), sessionKey: "s", idempotencyKey: "r" }, principal)
  const { reply } = yield* runs.wait("r", 60_000)
  Fs.writeSync(1, `reply ${reply}\n`)
}).pipe(
  Effect.provide(Layer.provideMerge(operator, layer({ place, config: { runtime: "asking" }, runtimes: [runtime] }))),
  Effect.runPromise,
)
