/**
 * RpcWire: the native wire. It serves GatewayRpcs at `/rpc` by effect/rpc, as JSON over a WebSocket, to any RpcClient.
 * It is a `Protocol` of RpcServer on the connection actor, with an RpcSession for each connection. Gateway.ts uses it.
 *
 * Clients acknowledge the chunks of streams (`supportsAck`). RpcServer sends one chunk of a stream at a time, so a slow
 * reader holds one chunk and no backlog. Events come from the fan-out, see RpcSubscription.ts.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { FromServerEncoded } from "effect/rpc/RpcMessage"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import { permitted } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import { CurrentConnection } from "../../domain/Principal.ts"
import type { EventEncoding } from "../dialect/Dialect.ts"
import { Contract } from "../dialect/Query.ts"
import * as Fanout from "../fanout/Fanout.ts"
import { RpcSession } from "./RpcSession.ts"
import * as RpcFrames from "./RpcFrames.ts"
import type { Peer } from "../connection/Peer.ts"
import { WireRegistry } from "../connection/WireRegistry.ts"

const PATH = "/rpc"

/** The sessions by client id. */
class RpcSessions extends Context.Service<RpcSessions, Map<number, RpcSession>>()(
  "causeway/transport/rpc/RpcWire/RpcSessions",
) {
  static readonly layer = Layer.sync(RpcSessions, () => new Map<number, RpcSession>())
}

const protocol = Effect.gen(function* () {
  const { limits } = yield* GatewayConfig
  const wires = yield* WireRegistry
  const sessions = yield* RpcSessions
  const disconnects = yield* Queue.unbounded<number>()

  const onClose = (clientId: number) => {
    sessions.delete(clientId)
    return Queue.offer(disconnects, clientId)
  }

  return yield* RpcServer.Protocol.make((run) => {
    const open = (peer: Peer) =>
      Effect.sync(() => {
        const session = new RpcSession(peer, { limits, run, onClose })
        sessions.set(peer.clientId, session)
        return session
      })
    return Effect.as(wires.mount(PATH, { dialect: "rpc", open }, "the typed client (WebSocket)"), {
      disconnects,
      send: (clientId: number, response: FromServerEncoded) => sessions.get(clientId)?.send(response) ?? Effect.void,
      end: () => Effect.void,
      clientIds: Effect.sync((): ReadonlySet<number> => new Set(sessions.keys())),
      initialMessage: Effect.succeedNone,
      supportsAck: true,
      supportsTransferables: false,
      supportsSpanPropagation: false,
      supportsNotifications: false,
      codecFor: RpcSerialization.json.codecFor,
    })
  })
})

/** Encodes items as their own JSON. The view is the id of the request, which every chunk contains. */
export const rpcEncoding: EventEncoding<string> = {
  name: "rpc",
  viewKey: (requestId) => requestId,
  event: (_requestId, _item, json) => Effect.succeed([{ policy: "must", text: json() }]),
  frame: RpcFrames.chunk,
}

/** The encoding of this wire makes no calls. */
const noContract = Contract.calling(() => Effect.die("the encoding of /rpc makes no calls"))

/** Runs `events.subscribe`. The handler's stream has no values: the fan-out writes the chunks to the connection. */
const subscribe = GatewayRpcs.toLayerHandler(
  "events.subscribe",
  Effect.gen(function* () {
    const sessions = yield* RpcSessions
    const fanout = yield* Fanout.make(rpcEncoding, noContract, 0)
    return ({ from, ...filter }, { client, requestId }) =>
      Stream.unwrap(
        Effect.map(CurrentConnection, ({ principal }) => {
          const wanted = permitted(filter, principal.scopes)
          const life = sessions.get(client.id)?.subscribe(requestId, fanout, wanted, from)
          return life === undefined ? Stream.empty : Stream.fromEffectDrain(life)
        }),
      )
  }),
)

/** With `disableFatalDefects`, a bug in one call ends only that call. */
export const layer = RpcServer.layer(GatewayRpcs, { disableTracing: true, disableFatalDefects: true }).pipe(
  Layer.provide(subscribe),
  Layer.provide(Layer.effect(RpcServer.Protocol, protocol)),
  Layer.provide(RpcSessions.layer),
)
