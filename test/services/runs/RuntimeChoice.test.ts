import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { GatewaySettings } from "../../../src/domain/GatewayConfig.ts"
import type { AgentRuntime } from "../../../src/services/agents/AgentRuntime.ts"
import { AgentRuntimes } from "../../../src/services/agents/AgentRuntimes.ts"
import { ask, layer } from "../../support/Conversations.ts"

/** Replies with the model of the run. */
const telling: AgentRuntime = {
  name: "telling",
  models: [],
  run: ({ model }) => Stream.make({ _tag: "Text", text: `model: ${model}` }),
  offers: (model) => model.startsWith("maker/"),
}

describe("The choice of a runtime", () => {
  it.effect("An agent without a model gets the default model, and after a reload the new one.", () =>
    Effect.gen(function* () {
      const { reload } = yield* AgentRuntimes
      expect((yield* ask("hi", "s")).reply).toBe("model: maker/one")
      reload(yield* Schema.decodeEffect(GatewaySettings)({ model: "maker/two" }))
      expect((yield* ask("hi", "s")).reply).toBe("model: maker/two")
      reload(yield* Schema.decodeEffect(GatewaySettings)({}))
      expect((yield* ask("hi", "s")).reply).toBe("echo: hi")
    }).pipe(Effect.provide(layer({ config: { model: "maker/one" }, runtimes: [telling] }))),
  )

  it.effect("The default model is not for a runtime that does not offer it.", () =>
    Effect.gen(function* () {
      expect((yield* ask("hi", "s")).reply).toBe("model: ")
    }).pipe(Effect.provide(layer({ config: { model: "other/one", runtime: "telling" }, runtimes: [telling] }))),
  )
})
