/**
 * A gateway for tests that kill it between the request of an approval and the end of the call. It sends one message whose
 * run appends a line to a file after an approval, and it decides each approval itself. It kills itself at the given moment:
 * `request`, `decision`, `use` or `effect`. With `never` it exits when the run has ended, and prints the reply. Run it as
 * `node ApprovingGateway.ts <place> <file> <moment> <decision>`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import type { Approval, ApprovalDecision } from "../../src/domain/Approval.ts"
import { Approvals } from "../../src/services/approvals/Approvals.ts"
import { Events } from "../../src/services/events/Events.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import { layer, principal } from "./Conversations.ts"
import { guarded } from "./GuardedRuntime.ts"

const [, , place = "", file = "", moment = "never", decision = "deny"] = process.argv

const dieAt = (reached: string): void => {
  if (moment === reached) process.kill(process.pid, "SIGKILL")
}

const runtime = guarded((input) =>
  Effect.sync(() => {
    dieAt("use")
    Fs.appendFileSync(file, `${input}\n`, { flush: true })
    dieAt("effect")
  }),
)

const operator = Layer.effectDiscard(
  Effect.gen(function* () {
    const approvals = yield* Approvals
    const events = yield* Events
    const runFork = Effect.runForkWith(yield* Effect.context())
    const decide = ({ id }: Approval) => {
      dieAt("request")
      Fs.writeSync(1, `decided ${id}\n`)
      runFork(approvals.decide(id, decision as ApprovalDecision, "operator"))
    }
    yield* events.onEvent(({ event }) => {
      if (event._tag === "ApprovalRequested") decide(event.approval)
      if (event._tag === "ApprovalResolved") dieAt("decision")
    })
    approvals.waiting().forEach(decide)
  }),
)

void Effect.gen(function* () {
  const runs = yield* Runs
  yield* runs.accept({ text: "/call x", sessionKey: "s", idempotencyKey: "r" }, principal)
  const { reply } = yield* runs.wait("r", 60_000)
  Fs.writeSync(1, `reply ${reply}\n`)
}).pipe(
  Effect.provide(Layer.provideMerge(operator, layer({ place, config: { runtime: "guarded" }, runtimes: [runtime] }))),
  Effect.runPromise,
)
