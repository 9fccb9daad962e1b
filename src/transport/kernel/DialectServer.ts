/**
 * DialectServer: the kernel of the dialects. It opens a DialectSession for each connection of a dialect, and all
 * sessions of a dialect share one fan-out. `Mounts.ts` mounts the dialects, and JsonRpcHttp.ts opens sessions for HTTP
 * requests.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Principal } from "../../domain/Principal.ts"
import { Connections } from "../../services/connections/Connections.ts"
import { Events } from "../../services/events/Events.ts"
import type { CallPeer } from "../connection/Peer.ts"
import { finish } from "../connection/Unfinished.ts"
import type { Wire } from "../connection/Wire.ts"
import { WireRegistry } from "../connection/WireRegistry.ts"
import type { Dialect, EventEncoding, Ref } from "../dialect/Dialect.ts"
import { contractMethods } from "../dialect/DialectMethod.ts"
import { Contract } from "../dialect/Query.ts"
import * as Fanout from "../fanout/Fanout.ts"
import type { EventFeed } from "../fanout/Subscriptions.ts"
import { AnswerCache } from "./AnswerCache.ts"
import { CallsInFlight } from "./CallsInFlight.ts"
import { ContractCalls } from "./ContractCalls.ts"
import { DialectSession } from "./DialectSession.ts"
import { Facts } from "./Facts.ts"
import type { SessionHost } from "./SessionHost.ts"

/** The principal of queries for events. Every client that may receive events has its scope, `operator.read`. */
const reader: Principal = { id: "gateway", kind: "local", role: "operator", scopes: ["operator.read"] }

export class DialectServer extends Context.Service<
  DialectServer,
  {
    /** Returns the dialect as a wire, with one fan-out for all its connections and a session for each. */
    wire<R extends Ref, V>(dialect: Dialect<R, V>): Effect.Effect<Wire, never, Scope.Scope>
    /** Returns one fan-out for all clients of an encoding. A dialect has the fan-out of its wire. */
    fanout<V>(encoding: EventEncoding<V>): Effect.Effect<Fanout.Fanout<V>, never, Scope.Scope>
    /** Opens a session with a peer that receives replies only. Such a peer cannot subscribe. */
    converse<R extends Ref, V>(
      dialect: Dialect<R, V>,
      peer: CallPeer,
    ): Effect.Effect<DialectSession<R, V>, never, Scope.Scope>
  }
>()("causeway/transport/kernel/DialectServer") {
  static readonly layer: Layer.Layer<DialectServer, never, Connections | ContractCalls | Events | GatewayConfig> =
    Layer.effect(
      DialectServer,
      Effect.gen(function* () {
        const { limits, monitorIntervalMs } = yield* GatewayConfig
        const clock = yield* Clock.Clock
        const events = yield* Events
        const calls = yield* ContractCalls
        const connections = yield* Connections
        const context = yield* Effect.context<never>()
        const forkCall = Effect.runForkWith(context)
        const cache = new AnswerCache(events.head, clock)
        const gateway = {
          now: () => clock.currentTimeMillisUnsafe(),
          head: events.head,
          resumeError: events.resumeError,
          present: connections.presence,
        }

        const hostOf = <V>({
          methods = contractMethods,
          subscriptionView,
        }: Pick<Dialect<Ref, V>, "methods" | "subscriptionView">): SessionHost<V> => ({
          methods,
          subscriptionView,
          cache,
          callsOf: calls.ofConnection,
          limits,
        })

        /** `fork` starts the calls. */
        const open = Effect.fnUntraced(function* <R extends Ref, V>(
          dialect: Dialect<R, V>,
          host: SessionHost<V>,
          peer: CallPeer,
          feed: EventFeed<V> | undefined,
          fork: typeof forkCall,
        ) {
          const scope = yield* Effect.scope
          const inFlight = new CallsInFlight(peer, scope, fork)
          const conversation = dialect.converse(new Facts(gateway, peer, feed !== undefined, inFlight))
          const session = new DialectSession(host, peer, feed, inFlight, conversation, scope)
          yield* Scope.addFinalizer(
            scope,
            Effect.sync(() => session.release()),
          )
          yield* finish(session.greet())
          return session
        })

        const fanoutOf = <V>(encoding: EventEncoding<V>) => {
          const { name } = encoding
          const { call } = calls.ofCaller({ id: name, dialect: name, principal: reader })
          return Effect.provideService(Fanout.make(encoding, Contract.calling(call), monitorIntervalMs), Events, events)
        }

        return DialectServer.of({
          wire: Effect.fnUntraced(function* (dialect) {
            const { name, traits } = dialect
            const fanout = yield* fanoutOf(dialect)
            const host = hostOf(dialect)
            return {
              ...traits,
              dialect: name,
              open: (peer) => open(dialect, host, peer, { fanout, peer }, forkCall),
            }
          }),
          fanout: fanoutOf,
          converse: Effect.fnUntraced(function* (dialect, peer) {
            // The calls belong to the trace of the HTTP request.
            const span = yield* Effect.serviceOption(Tracer.ParentSpan)
            const traced = Option.map(span, (span) => Effect.runForkWith(Context.add(context, Tracer.ParentSpan, span)))
            const fork = Option.getOrElse(traced, () => forkCall)
            return yield* open(dialect, hostOf(dialect), peer, undefined, fork)
          }),
        })
      }),
    )

  /** Mounts the dialect at the path: `DialectServer.mount("/jsonrpc", jsonRpc)`. */
  static readonly mount = <R extends Ref, V>(path: string, dialect: Dialect<R, V>) =>
    Layer.effectDiscard(
      Effect.gen(function* () {
        const dialects = yield* DialectServer
        const wires = yield* WireRegistry
        yield* wires.mount(path, yield* dialects.wire(dialect))
      }),
    )
}
