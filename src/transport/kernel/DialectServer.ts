/**
 * The kernel of the foreign dialects: runs the contract one step below RPC's own protocol, where payloads go in decoded
 * and exits come out as values, so that an unknown method, bad parameters, a refusal, an error and a bug stay apart.
 * It knows no wire; each is a pure Dialect, mounted in one line.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Rpc from "effect/rpc/Rpc"
import type { FromServer } from "effect/rpc/RpcMessage"
import * as RpcServer from "effect/rpc/RpcServer"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import type { Principal } from "../../domain/Principal.ts"
import { Events } from "../../services/events/Events.ts"
import type { Dialect, Ref } from "../dialect/Dialect.ts"
import { DialectSession } from "./DialectSession.ts"
import { contractMethods } from "../dialect/DialectMethod.ts"
import * as Fanout from "../fanout/Fanout.ts"
import type { EventFeed } from "../fanout/Subscriptions.ts"
import { LocalCalls } from "./LocalCalls.ts"
import { AnswerCache } from "./AnswerCache.ts"
import type { CallPeer } from "../connection/Peer.ts"
import type { Wire } from "../connection/Wire.ts"
import { WireRegistry } from "../connection/WireRegistry.ts"

/** As whom a dialect asks what it tells all who may read. */
const reader: Principal = { id: "gateway", kind: "local", role: "operator", scopes: ["operator.read"] }

export class DialectServer extends Context.Service<
  DialectServer,
  {
    /** The dialect as a wire: one fan-out for all its connections, one conversation for each. */
    wire<R extends Ref>(dialect: Dialect<R>): Effect.Effect<Wire, never, Scope.Scope>
    /** One conversation with a peer that is only told what it asked for: nothing can be followed. */
    converse<R extends Ref>(dialect: Dialect<R>, peer: CallPeer): Effect.Effect<DialectSession<R>, never, Scope.Scope>
  }
>()("causeway/transport/kernel/DialectServer") {
  static readonly layer: Layer.Layer<
    DialectServer,
    never,
    Events | GatewayConfig | LocalCalls | Rpc.ToHandler<GatewayRpcs> | Rpc.Middleware<GatewayRpcs>
  > = Layer.effect(
    DialectServer,
    Effect.gen(function* () {
      const { limits, monitorIntervalMs } = yield* GatewayConfig
      const clock = yield* Clock.Clock
      const events = yield* Events
      const { call } = yield* LocalCalls
      const shared = new AnswerCache(events.head, clock)
      const answers = new Map<number, (message: FromServer<GatewayRpcs>) => Effect.Effect<void>>()
      const server = yield* RpcServer.makeNoSerialization(GatewayRpcs, {
        disableClientAcks: true,
        disableFatalDefects: true,
        disableTracing: true,
        onFromServer: (message) => answers.get(message.clientId)?.(message) ?? Effect.void,
      })

      const open = Effect.fnUntraced(function* <R extends Ref>(
        dialect: Dialect<R>,
        peer: CallPeer,
        feed: EventFeed | undefined,
      ) {
        const { methods = contractMethods } = dialect
        const conversation = dialect.converse({
          connectionId: peer.id,
          pushes: feed !== undefined,
          now: () => clock.currentTimeMillisUnsafe(),
          head: events.head,
          lost: events.resumeError,
          // Of no use before there is an exchange: a conversation that is being made has nobody to subscribe.
          subscriptions: {
            refusal: () => peer.usage?.subscriptionRefusal(),
            changed: (by) => exchange.inFlight.subscribed(by),
          },
          stopping: () => peer.stopping,
          arrival: peer.origin,
        })
        const exchange: DialectSession<R> = new DialectSession(
          { server, methods, call, shared, feed, limits },
          peer,
          conversation,
          yield* Effect.scope,
        )
        // Last of all that the connection ends: until then what it interrupts still finds its client.
        yield* Effect.acquireRelease(
          Effect.sync(() => answers.set(peer.clientId, (message) => exchange.answer(message))),
          () =>
            Effect.suspend(() => {
              answers.delete(peer.clientId)
              exchange.inFlight.release()
              return server.disconnect(peer.clientId)
            }),
        )
        yield* exchange.greet()
        return exchange
      })

      return DialectServer.of({
        wire: Effect.fnUntraced(function* (dialect) {
          const { name, traits } = dialect
          const ask = (method: string, params: unknown) =>
            call({ id: name, dialect: name, principal: reader }, method, params)
          const fanout = yield* Effect.provideService(Fanout.make(dialect, ask, monitorIntervalMs), Events, events)
          return { ...traits, dialect: name, open: (peer) => open(dialect, peer, { fanout, peer }) }
        }),
        converse: (dialect, peer) => open(dialect, peer, undefined),
      })
    }),
  )

  /** Speaks the dialect at the path: `DialectServer.mount("/jsonrpc", jsonRpc)`. */
  static readonly mount = <R extends Ref>(path: string, dialect: Dialect<R>) =>
    Layer.effectDiscard(
      Effect.gen(function* () {
        const dialects = yield* DialectServer
        const wires = yield* WireRegistry
        yield* wires.mount(path, yield* dialects.wire(dialect))
      }),
    )
}
