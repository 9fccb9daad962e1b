/** The runtime `model` in a whole gateway, with a provider on a real HTTP server in both dialects. */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../../../src/client/GatewayClient.ts"
import * as Gateway from "../../../../src/Gateway.ts"
import * as AgentTool from "../../../../src/services/tools/AgentTool.ts"
import { Tools } from "../../../../src/services/tools/Tools.ts"
import * as FakeProvider from "../../../support/FakeProvider.ts"
import { client, layer } from "../../../support/TestGateway.ts"

const weather = AgentTool.make({
  name: "weather",
  description: "Tells the weather of a city.",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String,
  handle: ({ city }) => Effect.succeed(`sunny in ${city}`),
})

/** A client of a gateway whose agents use this model of the fake. */
const withModel = <A, E>(
  kind: FakeProvider.Dialect,
  model: string,
  use: (fake: FakeProvider.FakeProvider) => Effect.Effect<A, E, GatewayClient>,
) =>
  Effect.gen(function* () {
    const fake = yield* FakeProvider.make
    const gateway = layer({
      model: `fake/${model}`,
      providers: { fake: { kind, baseUrl: fake.baseUrl[kind], apiKey: "sk-test-key" } },
      runtimes: Layer.mergeAll(Gateway.parts.runtimes, Tools.add(weather)),
    })
    return yield* Effect.provide(use(fake), client.pipe(Layer.provideMerge(gateway)))
  }).pipe(Effect.scoped)

const send = (text: string) =>
  Effect.gen(function* () {
    const { calls } = yield* GatewayClient
    const { runId, sessionKey } = yield* calls["chat.send"]({ text, sessionKey: "s" })
    const run = yield* calls["runs.wait"]({ runId })
    const { messages } = yield* calls["sessions.history"]({ key: sessionKey })
    return { run, messages }
  })

describe.each(["openai", "anthropic"] as const)("The runtime model with the dialect %s", (dialect) => {
  it.live("A client gets thinking, text and the results of tools that the model calls.", () =>
    withModel(dialect, "tool", (fake) =>
      Effect.gen(function* () {
        const { messages, run } = yield* send("The weather?")
        expect(run).toMatchObject({ state: "done", reply: "Looking. \n\nIt is sunny in Paris" })
        expect(messages.map(({ role, text, thinking, tool }) => [role, text, thinking, tool?.name])).toEqual([
          ["user", "The weather?", undefined, undefined],
          ["tool", "sunny in Paris", undefined, "weather"],
          ["assistant", "Looking. \n\nIt is sunny in Paris", "where?", undefined],
        ])
        expect(fake.requests).toHaveLength(2)
      }),
    ),
  )

  it.live("Calls in parallel come back in one round.", () =>
    withModel(dialect, "tools", (fake) =>
      Effect.gen(function* () {
        expect((yield* send("x")).run.reply).toBe("It is sunny in Paris and sunny in Rome")
        expect(fake.requests[1]!.results).toEqual(["sunny in Paris", "sunny in Rome"])
        // Another run sends the calls of this one as history.
        expect((yield* send("y")).run.state).toBe("done")
      }),
    ),
  )

  it.live("An abort closes the request to the provider.", () =>
    withModel(dialect, "stall-inside", (fake) =>
      Effect.gen(function* () {
        const { calls } = yield* GatewayClient
        const begun = yield* Deferred.make<void>()
        const reader = yield* calls["chat.stream"]({ text: "x", sessionKey: "s" }).pipe(
          Stream.tap((item) =>
            item._tag === "Event" && item.event._tag === "TextDelta" ? Deferred.succeed(begun, undefined) : Effect.void,
          ),
          Stream.runDrain,
          Effect.forkChild,
        )
        yield* Deferred.await(begun)
        yield* calls["chat.abort"]({ sessionKey: "s" })
        yield* Fiber.join(reader)
        expect(yield* Effect.promise(() => fake.requests[0]!.closed)).toBe("closed")
      }),
    ),
  )

  it.live("A failed run has the kind of the provider's problem.", () =>
    withModel(dialect, "wrong-key", () =>
      Effect.gen(function* () {
        expect((yield* send("x")).run).toMatchObject({ state: "failed", error: { kind: "authentication" } })
      }),
    ),
  )
})
