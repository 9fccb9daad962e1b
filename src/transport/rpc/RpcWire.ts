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
import { type EventItem, permitted } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import { CurrentConnection } from "../../domain/Principal.ts"
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

/** What this wire tells: the items as they are. */
const itemsAsTheyAre = {
  name: "rpc",
  event: (_key: string, _item: EventItem, json: () => string) => ({ policy: "must", text: json() }) as const,
  frame: RpcFrames.chunk,
}

/** The one method that this wire carries out itself: its stream yields nothing, for its chunks are the fan-out's. */
const subscribe = GatewayRpcs.toLayerHandler(
  "events.subscribe",
  Effect.gen(function* () {
    const conversations = yield* RpcSessions
    const fanout = yield* Fanout.make(itemsAsTheyAre, () => Effect.fail({ _tag: "Internal" }), 0)
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
