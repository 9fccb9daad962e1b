/**
 * A gateway inside another Effect program, with the program's own runtime, storage and routes on one port. Run
 * `npx node examples/embed.ts`, then ask its route or send a message:
 *
 *     curl -H "Authorization: Bearer example" http://127.0.0.1:18790/app/visits
 *     npx causeway send "3 + 4" --url 127.0.0.1:18790 --token example
 */
import {
  type AgentRuntime,
  AgentRuntimes,
  ApiRoutes,
  Gateway,
  GatewayConfig,
  ListeningAddress,
  Sessions,
} from "@causeway/gateway"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

/** A runtime turns a message into a stream of text, thinking and tool calls. This one adds numbers. */
const adder: AgentRuntime = {
  name: "adder",
  models: [{ id: "adder-1", name: "Adder", runtime: "adder", contextWindow: null }],
  run: ({ text }) => {
    const sum = text.split("+").reduce((total, term) => total + Number(term), 0)
    return Stream.make({ _tag: "Text", text: "That is " }, { _tag: "Text", text: `${sum}.` })
  },
}

/** The program's own routes below /app. They need the gateway's token and call its services directly. */
const routes = ApiRoutes.layer({
  prefix: "/app",
  scope: "operator.read",
  routes: Effect.map(Sessions, (sessions) => [
    {
      method: "GET",
      path: "/visits",
      handle: () => Effect.sync(() => HttpServerResponse.jsonUnsafe({ conversations: sessions.count() })),
    },
    {
      method: "GET",
      path: "/me",
      handle: ({ caller }) => Effect.succeed(HttpServerResponse.jsonUnsafe(caller.principal)),
    },
  ]),
})

const gateway = Gateway.layerWith({
  storage: Gateway.storageInMemory,
  runtimes: AgentRuntimes.add(adder),
  tools: Gateway.parts.tools,
  routes: Layer.mergeAll(Gateway.parts.routes, routes),
})

/** The rest of the program: prints the address and creates a session. */
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
