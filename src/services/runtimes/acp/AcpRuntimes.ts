/**
 * AcpRuntimes: the command-line agents of the option `acp`, each as a runtime `acp/<name>`. They speak the Agent Client
 * Protocol on standard input and output. docs/acp.md tells users about them.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Path from "node:path"
import { GatewayConfig } from "../../../domain/GatewayConfig.ts"
import { AgentRuntimes } from "../../agents/AgentRuntimes.ts"
import { StateFolder } from "../../storage/StateFolder.ts"

/** Adds the agents to the registry. Loads their code only if there are some, and starts none. */
export const layer: Layer.Layer<never, never, AgentRuntimes | GatewayConfig | StateFolder> = Layer.effectDiscard(
  Effect.gen(function* () {
    const agents = Object.entries((yield* GatewayConfig).acp)
    if (agents.length === 0) return
    const { add } = yield* AgentRuntimes
    const folder = Path.join((yield* StateFolder).folder, "acp")
    const { make } = yield* Effect.promise(() => import("./AcpRuntime.ts"))
    for (const [name, settings] of agents) {
      yield* add(yield* make({ name, settings, folder }))
    }
  }),
)
