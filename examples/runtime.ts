/**
 * A gateway with a runtime of your own. Run `npx node examples/runtime.ts`: it sends a message and prints the reply.
 * docs/runtimes.md explains turns and their events.
 */
import { type AgentRuntime, AgentRuntimes, Gateway, GatewayConfig, Runs } from "@causeway/gateway"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

const shouter: AgentRuntime = {
  name: "shouter",
  models: [{ id: "shouter-1", name: "Shouter", runtime: "shouter", contextWindow: null }],
  run: ({ text }) => Stream.make({ _tag: "Text", text: text.toUpperCase() }),
}

const sender = { id: "example", kind: "local", role: "operator", scopes: ["operator.write"] } as const

const gateway = Gateway.layerWith({
  ...Gateway.parts,
  storage: Gateway.storageInMemory,
  runtimes: Layer.mergeAll(Gateway.parts.runtimes, AgentRuntimes.add(shouter)),
})

const program = Layer.effectDiscard(
  Effect.gen(function* () {
    const runs = yield* Runs
    const { runId } = yield* runs.accept({ text: "hello" }, sender)
    const { reply = "" } = yield* runs.wait(runId, 10_000)
    yield* Console.log(`The agent says: ${reply}`)
  }),
)

Layer.launch(
  program.pipe(
    Layer.provide(gateway),
    Layer.provide(GatewayConfig.layer({ port: 0, token: "example", runtime: "shouter" })),
  ),
).pipe(NodeRuntime.runMain)
