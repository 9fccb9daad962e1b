/**
 * A gateway inside another Effect program: its Layers are mounted with a runtime, a storage and routes of the program's
 * own, on one port. `node examples/embed.ts`, then open http://127.0.0.1:18790/visits or talk to it:
 *
 *     npx causeway send "3 + 4" --url 127.0.0.1:18790 --token example
 */
import {
  AgentRuntime,
  Gateway,
  GatewayConfig,
  HttpAccess,
  ListeningAddress,
  type Runtime,
  Sessions,
} from "@causeway/gateway"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

/** How its agents think: a runtime is a function from a turn to a stream of what the agent says and does. */
const adder: Runtime = {
  name: "adder",
  models: [{ id: "adder-1", name: "Adder", runtime: "adder", contextWindow: null }],
  run: ({ text }) => {
    const sum = text.split("+").reduce((total, term) => total + Number(term), 0)
    return Stream.make({ _tag: "Text", text: "That is " }, { _tag: "Text", text: `${sum}.` })
  },
}

/** Routes of its own beside the gateway's. They reach its services without a wire, and ask for its token if they want. */
const routes = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const sessions = yield* Sessions
    const access = yield* HttpAccess.make
    const visits = Effect.sync(() => HttpServerResponse.jsonUnsafe({ conversations: sessions.count() }))
    yield* router.add("GET", "/visits", visits)
    yield* router.add("GET", "/me", (request) =>
      access(request).pipe(
        Effect.map(({ principal }) => HttpServerResponse.jsonUnsafe(principal)),
        // who may not ask gets what the gateway's own routes would answer
        Effect.catch(Effect.succeed),
      ),
    )
  }),
)

const gateway = Gateway.layerWith({
  storage: Gateway.storageInMemory,
  runtimes: AgentRuntime.layer(adder),
  routes: Layer.mergeAll(Gateway.parts.routes, routes),
})

/** The rest of the program: here it says where it listens and opens a conversation. */
const program = Layer.effectDiscard(
  Effect.gen(function* () {
    const { authority } = yield* ListeningAddress
    yield* Console.log(`The gateway listens on http://${authority}`)
    const sessions = yield* Sessions
    yield* sessions.create({ key: "sums", displayName: "Sums" })
  }),
)

const config = Layer.unwrap(
  Effect.map(Config.Int("PORT").pipe(Config.withDefault(18_790)), (port) =>
    GatewayConfig.layer({ port, token: "example", runtime: "adder", logLevel: "warn" }),
  ),
)

Layer.launch(program.pipe(Layer.provide(gateway), Layer.provide(config))).pipe(NodeRuntime.runMain)
