/**
 * Stock effect/rpc: RpcServer's own WebSocket protocol on the HTTP server of @effect/platform-node. It has a ping and a
 * stream of events like the gateway's, without authentication and limits.
 */
import "effect/schema/SchemaJITCompiler/enable"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import { createServer } from "node:http"
import { EventFilter, EventItem } from "../../src/domain/Event.ts"
import type { Question } from "../Probe.ts"
import { nextItem } from "./Item.ts"

const Rpcs = RpcGroup.make(
  Rpc.make("ping", { payload: {}, success: Schema.Struct({ at: Schema.Finite }) }),
  Rpc.make("events.subscribe", { payload: EventFilter.fields, success: EventItem, stream: true }),
)

const handlers = Rpcs.toLayer(
  Effect.gen(function* () {
    const live = yield* PubSub.unbounded<EventItem>()
    process.on("message", (question: Question) => {
      if (question._tag === "Tell") {
        Effect.runSync(PubSub.publishAll(live, Array.from({ length: question.count }, nextItem)))
      }
    })
    return {
      ping: () => Effect.map(Clock.currentTimeMillis, (at) => ({ at })),
      "events.subscribe": () =>
        Stream.concat(Stream.succeed<EventItem>({ _tag: "CaughtUp", seq: 0 }), Stream.fromPubSub(live)),
    }
  }),
)

const announce = Layer.effectDiscard(
  Effect.map(HttpServer.HttpServer, ({ address }) => {
    if (address._tag === "InetAddressV4") console.log(`127.0.0.1:${address.port}`)
  }),
)

const program = RpcServer.layer(Rpcs, { disableTracing: true }).pipe(
  Layer.provide(handlers),
  Layer.provide(RpcServer.layerProtocolWebsocket({ path: "/rpc" })),
  Layer.provide(RpcSerialization.layerJson),
  HttpRouter.serve,
  Layer.merge(announce),
  Layer.provide(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
)

Effect.runFork(Layer.launch(program))
