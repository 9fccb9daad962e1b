/**
 * A client program with Effect. The client is a service with the typed methods of the contract. Run it against a gateway
 * on this machine: `GATEWAY_TOKEN=$(npx causeway token show) npx node examples/effect-client.ts`
 */
import { GatewayClient } from "@causeway/gateway/client"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

const program = Effect.gen(function* () {
  const { calls, reply } = yield* GatewayClient
  yield* Stream.runForEach(reply("hello"), (piece) => Console.log(piece))
  const { sessions } = yield* calls["sessions.list"]({ limit: 10 })
  for (const { key, messageCount } of sessions) yield* Console.log(`${key}: ${messageCount} messages`)
  // Errors of the contract are typed values with the facts as fields.
  yield* calls["sessions.get"]({ key: "nowhere" }).pipe(
    Effect.catchTag("SessionNotFound", ({ sessionKey }) => Console.log(`no session ${sessionKey}`)),
  )
})

const client = Layer.unwrap(
  Effect.gen(function* () {
    const url = yield* Config.String("GATEWAY_URL").pipe(Config.withDefault("ws://127.0.0.1:18789/rpc"))
    const token = yield* Config.Redacted("GATEWAY_TOKEN")
    return GatewayClient.layer({ url, token })
  }),
)

program.pipe(Effect.provide(client), NodeRuntime.runMain)
