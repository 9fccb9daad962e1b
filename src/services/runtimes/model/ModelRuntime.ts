/**
 * The runtime `model`: agents that think with the models of the configured providers and call the tools of the gateway. It
 * adds itself to AgentRuntimes. ModelRun.ts does the work; it is imported at the first run.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { GatewayConfig } from "../../../domain/GatewayConfig.ts"
import * as Loaded from "../../../domain/Loaded.ts"
import type { AgentRuntime } from "../../agents/AgentRuntime.ts"
import { AgentRuntimes } from "../../agents/AgentRuntimes.ts"
import { Attachments } from "../../attachments/Attachments.ts"
import { Memory } from "../../memory/Memory.ts"
import { ModelProviders } from "../../models/ModelProviders.ts"
import { ClientTools } from "../../tools/ClientTools.ts"
import { Tools } from "../../tools/Tools.ts"

const NAME = "model"

type Services = Attachments | ClientTools | GatewayConfig | Memory | ModelProviders | Tools

export const make: Effect.Effect<AgentRuntime, never, Services> = Effect.gen(function* () {
  const services = {
    attachments: yield* Attachments,
    clientTools: yield* ClientTools,
    config: yield* GatewayConfig,
    memory: yield* Memory,
    providers: yield* ModelProviders,
    tools: yield* Tools,
  }
  const { providers } = services
  const loaded = yield* Loaded.once(
    Effect.map(
      Effect.promise(() => import("./ModelRun.ts")),
      (ModelRun) => ModelRun.make(services),
    ),
  )
  return {
    name: NAME,
    takesClientTools: true,
    models: Effect.map(providers.list, (models) => models.map((model) => ({ ...model, runtime: NAME }))),
    run: (turn) => Stream.unwrap(Effect.map(loaded, ({ run }) => run(turn))),
    offers: (model) => providers.names.some((name) => model.startsWith(`${name}/`)),
    summarize: (conversation) => Effect.flatMap(loaded, ({ summarize }) => summarize(conversation)),
  }
})

export const layer: Layer.Layer<never, never, AgentRuntimes | Services> = Layer.unwrap(
  Effect.map(make, (runtime) => AgentRuntimes.add(runtime)),
)
