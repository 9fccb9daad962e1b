/**
 * A gateway with a kind of model provider of its own, which answers in capitals and needs no network. Run
 * `npx node examples/provider.ts`, then test its model from another terminal:
 *
 *     npx causeway models test loud/caps --url 127.0.0.1:18791 --token example
 */
import { Gateway, GatewayConfig, ListeningAddress, ProviderKinds } from "@causeway/gateway"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

const finish: Response.FinishPartEncoded = {
  type: "finish",
  reason: "stop",
  usage: {
    inputTokens: { total: 1, uncached: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 },
  },
}

/** Returns the last message of the user in capitals. */
const answerTo = ({ content }: Prompt.Prompt): string => {
  const last = content.findLast(({ role }) => role === "user")
  return last?.role === "user"
    ? last.content.map((part) => (part.type === "text" ? part.text.toUpperCase() : "")).join("")
    : ""
}

const capitals = LanguageModel.make({
  generateText: ({ prompt }) => Effect.succeed([{ type: "text", text: answerTo(prompt) }, finish]),
  streamText: ({ prompt }) =>
    Stream.make(
      { type: "text-start", id: "1" },
      { type: "text-delta", id: "1", delta: answerTo(prompt) },
      { type: "text-end", id: "1" },
      finish,
    ),
})

/** A kind is a Layer that adds itself to the registry. */
const loud = ProviderKinds.add({
  name: "loud",
  make: () =>
    Effect.succeed({
      models: Effect.succeed([{ id: "caps", name: "Capitals", contextWindow: 8_192 }]),
      languageModel: () => capitals,
    }),
})

const gateway = Gateway.layerWith({
  ...Gateway.parts,
  storage: Gateway.storageInMemory,
  runtimes: Layer.mergeAll(Gateway.parts.runtimes, loud),
})

const program = Layer.effectDiscard(
  Effect.gen(function* () {
    const { authority } = yield* ListeningAddress
    yield* Console.log(`The gateway listens on http://${authority}`)
  }),
)

const config = Layer.unwrap(
  Effect.map(Config.Int("PORT").pipe(Config.withDefault(18_791)), (port) =>
    GatewayConfig.layer({ port, token: "example", logLevel: "warn", providers: { loud: { kind: "loud" } } }),
  ),
)

Layer.launch(program.pipe(Layer.provide(gateway), Layer.provide(config))).pipe(NodeRuntime.runMain)
