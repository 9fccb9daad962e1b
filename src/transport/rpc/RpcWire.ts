/**
 * The native wire: GatewayRpcs by effect/rpc, JSON over a WebSocket at `/rpc`, as any RpcClient speaks it: a Protocol of
 * our own on the connection actor, see RpcConversation.ts.
 *
 * Streams are acknowledged (`supportsAck`): of each, one chunk is under way, so that a reader that takes its time costs
 * the gateway one chunk, not all that happens meanwhile. Events come from the fan-out, see RpcSubscription.ts.
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

/** By client id. */
class RpcSessions extends Context.Service<RpcSessions, Map<number, RpcSession>>()(
  "causeway/transport/RpcWire/Conversations",
) {
  static readonly layer = Layer.sync(RpcSessions, () => new Map<number, RpcSession>())
}

const protocol = Effect.gen(function* () {
  const { limits } = yield* GatewayConfig
  const wires = yield* WireRegistry
  const conversations = yield* RpcSessions
  const disconnects = yield* Queue.unbounded<number>()

  const onClose = (clientId: number) => {
    conversations.delete(clientId)
    return Queue.offer(disconnects, clientId)
  }

  return yield* RpcServer.Protocol.make((run) => {
    const open = (peer: Peer) =>
      Effect.sync(() => {
        const conversation = new RpcSession(peer, { limits, run, onClose })
        conversations.set(peer.clientId, conversation)
        return conversation
      })
    return Effect.as(wires.mount(PATH, { dialect: "rpc", open }), {
      disconnects,
      send: (clientId: number, response: FromServerEncoded) =>
        conversations.get(clientId)?.send(response) ?? Effect.void,
      end: () => Effect.void,
      clientIds: Effect.sync((): ReadonlySet<number> => new Set(conversations.keys())),
      initialMessage: Effect.succeedNone,
      supportsAck: true,
      supportsTransferables: false,
      supportsSpanPropagation: false,
      supportsNotifications: false,
      codecFor: RpcSerialization.json.codecFor,
    })
  })
})

/** Encodes items as their own JSON. The view is the id of the request, which is part of every chunk. */
const encoding: EventEncoding<string> = {
  name: "rpc",
  viewKey: (requestId) => requestId,
  event: (_requestId, _item, json) => Effect.succeed([{ policy: "must", text: json() }]),
  frame: RpcFrames.chunk,
}

/** Items need no calls of the contract. */
const noContract = Contract.calling(() => Effect.die("events of this wire call nothing"))

/** Runs `events.subscribe`. Its stream yields nothing: the fan-out writes the chunks to the connection. */
const subscribe = GatewayRpcs.toLayerHandler(
  "events.subscribe",
  Effect.gen(function* () {
    const conversations = yield* RpcSessions
    const fanout = yield* Fanout.make(encoding, noContract, 0)
    return ({ from, ...filter }, { client, requestId }) =>
      Stream.unwrap(
        Effect.map(CurrentConnection, ({ principal }) => {
          const wanted = permitted(filter, principal.scopes)
          const life = conversations.get(client.id)?.follow(requestId, fanout, wanted, from)
          return life === undefined ? Stream.empty : Stream.fromEffectDrain(life)
        }),
      )
  }),
)

/** `disableFatalDefects`: a bug in one call is the end of that call. */
export const layer = RpcServer.layer(GatewayRpcs, { disableTracing: true, disableFatalDefects: true }).pipe(
  Layer.provide(subscribe),
  Layer.provide(Layer.effect(RpcServer.Protocol, protocol)),
  Layer.provide(RpcSessions.layer),
)
