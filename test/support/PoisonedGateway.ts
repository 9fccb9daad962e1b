/**
 * A gateway that one of its messages kills: it sends the poison and a few harmless messages, each once for all starts,
 * and ends when every run has ended. Run as `node PoisonedGateway.ts <database>`.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AgentRuntime } from "../../src/services/agents/AgentRuntime.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import { layer, principal } from "./Conversations.ts"

const [, , filename = ""] = process.argv

const poisonous: AgentRuntime = {
  name: "poisonous",
  models: [],
  run: ({ text }) => {
    if (text === "poison") process.kill(process.pid, "SIGKILL")
    return Stream.fromEffect(Effect.delay(Effect.succeed({ _tag: "Text", text: `heard ${text}` }), "50 millis"))
  },
}

const messages = ["before", "poison", "beside", "after"]

void Effect.gen(function* () {
  const runs = yield* Runs
  for (const text of messages) {
    yield* runs.accept({ text, sessionKey: text === "poison" ? "poisoned" : text, idempotencyKey: text }, principal)
  }
  yield* runs.accept({ text: "behind", sessionKey: "poisoned", idempotencyKey: "behind" }, principal)
  while (runs.counts().running + runs.counts().waiting > 0) yield* Effect.sleep("5 millis")
}).pipe(
  Effect.provide(layer({ filename, config: { runtime: "poisonous", runs: { attempts: 5 } }, runtimes: [poisonous] })),
  Effect.runPromise,
)
