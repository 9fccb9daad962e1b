/**
 * A gateway that one of its messages kills. It sends the poison and a few harmless messages, with keys that make them
 * count once over all starts, and exits when every run has ended. Run it as `node PoisonedGateway.ts <place>`.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AgentRuntime } from "../../src/services/agents/AgentRuntime.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import { layer, principal } from "./Conversations.ts"

const [, , place = ""] = process.argv

const poisonous: AgentRuntime = {
  name: "poisonous",
  models: [],
  run: ({ text }) => {
    if (text === "poison") process.kill(process.pid, "SIGKILL")
    return Stream.fromEffect(Effect.delay(Effect.succeed({ _tag: "Text", text: `reply to ${text}` }), "50 millis"))
  },
}

const messages = ["before", "poison", "beside", "after"]

void Effect.gen(function* () {
  const runs = yield* Runs
  for (const text of messages) {
    yield* runs.accept({ text, sessionKey: text === "poison" ? "poisoned" : text, idempotencyKey: text }, principal)
  }
  yield* runs.accept({ text: "behind", sessionKey: "poisoned", idempotencyKey: "behind" }, principal)
  for (const runId of [...messages, "behind"]) yield* runs.wait(runId, 600_000)
}).pipe(
  Effect.provide(layer({ place, config: { runtime: "poisonous", runs: { attempts: 5 } }, runtimes: [poisonous] })),
  Effect.runPromise,
)
