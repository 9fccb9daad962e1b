/**
 * A gateway with the real transport over stub handlers: wires, connections and HTTP are real, and the services are not.
 * Tests of the transport use it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as PubSub from "effect/PubSub"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type * as HttpRouter from "effect/http/HttpRouter"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import type { GatewayEvent, Positioned } from "../../src/domain/Event.ts"
import { GatewayConfig, type GatewayOptions } from "../../src/domain/GatewayConfig.ts"
import { GatewayRpcs } from "../../src/domain/GatewayRpcs.ts"
import { RunNotFound } from "../../src/domain/Chat.ts"
import { everyScope, type Principal } from "../../src/domain/Principal.ts"
import { Unauthenticated } from "../../src/domain/Refusal.ts"
import type { Health } from "../../src/domain/System.ts"
import { Authenticator } from "../../src/services/auth/Authenticator.ts"
import * as Authorization from "../../src/services/auth/Authorization.ts"
import { Connections } from "../../src/services/connections/Connections.ts"
import { Events } from "../../src/services/events/Events.ts"
import { ConnectionHandlers } from "../../src/services/handlers/ConnectionHandlers.ts"
import { EventBus } from "../../src/services/storage/EventBus.ts"
import { System } from "../../src/services/system/System.ts"
import type { FallbackRoute } from "../../src/transport/http/FallbackRoute.ts"
import type { Pages } from "../../src/transport/http/Pages.ts"
import * as GatewayServer from "../../src/transport/http/GatewayServer.ts"
import * as HealthRoutes from "../../src/transport/http/HealthRoutes.ts"
import { ContractCalls } from "../../src/transport/kernel/ContractCalls.ts"
import * as RpcWire from "../../src/transport/rpc/RpcWire.ts"
import type { PrincipalUsage } from "../../src/transport/connection/PrincipalUsage.ts"
import type { RefusalLog } from "../../src/transport/connection/RefusalLog.ts"
import type { TcpConnections } from "../../src/transport/connection/TcpConnections.ts"
import type { WireRegistry } from "../../src/transport/connection/WireRegistry.ts"

export const TOKEN = "a-token-that-is-not-secret-at-all"
export const READ_TOKEN = "a-token-of-somebody-who-only-reads"

/** The state of the stub, which tests read and change. */
export class Stub extends Context.Service<
  Stub,
  {
    /** The events that the gateway itself has published. */
    readonly published: Array<GatewayEvent>
    readonly live: PubSub.PubSub<Positioned>
    /** The run ids of the open calls of `runs.wait`. Such a call ends when it is interrupted. */
    readonly waiting: Set<string>
    /** Publishes an event to every stream. */
    readonly publish: (event: GatewayEvent) => void
    /** The number of open streams. */
    following: number
    /** The number of running fibers. */
    fibers: number
    health: Health
    seq: number
    /** Waits until the condition holds. It may depend on `waiting` and `following`. */
    readonly until: (holds: () => boolean) => Effect.Effect<void>
    /** Handlers call it after a change of `waiting` or `following`. */
    readonly changed: () => void
  }
>()("test/Stub") {
  static readonly layer = Layer.effect(
    Stub,
    Effect.gen(function* () {
      const live = yield* PubSub.unbounded<Positioned>()
      const checks = new Set<() => void>()
      const stub: Stub["Service"] = {
        published: [],
        live,
        publish: (event) => {
          const positioned: Positioned = { _tag: "Event", seq: ++stub.seq, at: 0, event }
          PubSub.publishUnsafe(live, positioned)
        },
        waiting: new Set<string>(),
        health: { state: "healthy", version: "0", uptimeMs: 1, checks: [] },
        following: 0,
        fibers: 0,
        seq: 0,
        until: (holds) =>
          Effect.callback((resume) => {
            const check = () => {
              if (!holds()) return
              checks.delete(check)
              resume(Effect.void)
            }
            checks.add(check)
            check()
            return Effect.sync(() => checks.delete(check))
          }),
        changed: () => {
          for (const check of checks) check()
        },
      }
      return stub
    }),
  )
}

const StubEvents = Layer.unwrap(
  Effect.map(Stub, (stub) =>
    Layer.mock(Events)({
      head: () => ({ epoch: "e1", seq: stub.seq }),
      resumeError: () => null,
      partialOutput: () => undefined,
      join: () => () => {},
      liveFeed: PubSub.subscribe(stub.live),
      reader: () => {
        throw new Error("the stub has no event log")
      },
      publishLive: (event) => {
        stub.published.push(event)
        stub.publish(event)
      },
    }),
  ),
)

const StubSystem = Layer.unwrap(
  Effect.map(Stub, (stub) => Layer.mock(System)({ health: Effect.sync(() => stub.health), markStopping: () => {} })),
)

const holder: Principal = { id: "operator", kind: "token", role: "operator", scopes: everyScope }

/** A principal that may only read. */
const reader: Principal = { id: "reader", kind: "token", role: "operator", scopes: ["operator.read"] }

/** Accepts `TOKEN` and `READ_TOKEN`, without the lockout of the real service. */
const StubAuthenticator = Layer.unwrap(
  Effect.map(GatewayConfig, ({ auth }) =>
    Layer.mock(Authenticator)({
      open: auth === "none",
      replacePassword: () => false,
      authenticate: (token) => {
        if (auth === "none") return Effect.succeed(holder)
        if (token === undefined) return Effect.fail(new Unauthenticated({ reason: "missing" }))
        const presented = Redacted.value(token)
        if (presented === TOKEN) return Effect.succeed(holder)
        if (presented === READ_TOKEN) return Effect.succeed(reader)
        return Effect.fail(new Unauthenticated({ reason: "invalid" }))
      },
    }),
  ),
)

const idle = () => Effect.die(new Error("a secret of this handler"))

/** All methods but those of connections, whose handlers are real. */
const StubRpcs = GatewayRpcs.omit("authenticate", "presence.list", "connections.list", "connections.close")

type StubTag = RpcGroup.Rpcs<typeof StubRpcs>["_tag"]

const idleHandlers = Object.fromEntries(Array.from(StubRpcs.requests.keys(), (tag) => [tag, idle])) as Record<
  StubTag,
  typeof idle
>

const StubHandlers = StubRpcs.toLayer(
  Effect.gen(function* () {
    const stub = yield* Stub
    const follow = (change: number) =>
      Effect.sync(() => {
        stub.following += change
        stub.changed()
      })
    return StubRpcs.of({
      ...idleHandlers,
      ping: () => Effect.map(Clock.currentTimeMillis, (at) => ({ at })),
      health: () => Effect.sync(() => stub.health),
      /** Never ends, except with a timeout of 0. */
      "runs.wait": ({ runId, timeoutMs }) =>
        timeoutMs === 0
          ? Effect.fail(new RunNotFound({ runId }))
          : Effect.acquireUseRelease(
              Effect.sync(() => {
                stub.waiting.add(runId)
                stub.changed()
              }),
              () => Effect.never,
              () =>
                Effect.sync(() => {
                  stub.waiting.delete(runId)
                  stub.changed()
                }),
            ),
      /** Streams every event and never ends. */
      "chat.stream": () =>
        Stream.unwrap(
          Effect.tap(PubSub.subscribe(stub.live), follow(1)).pipe(Effect.map(Stream.fromSubscription)),
        ).pipe(Stream.ensuring(follow(-1))),
      /** Returns a document as long as the id says. */
      "memory.read": ({ id }) => Effect.succeed({ id, size: 0, modifiedAt: 0, content: "x".repeat(Number(id)) }),
    })
  }),
)

/** Counts the fibers of every layer that is built on it. */
const countFibers = Layer.unwrap(
  Effect.map(Stub, (stub) =>
    Layer.succeed(Metric.FiberRuntimeMetrics, {
      recordFiberStart: () => {
        stub.fibers++
      },
      recordFiberEnd: () => {
        stub.fibers--
      },
    }),
  ),
)

/** The services behind the port. */
export const stubServices = (options: GatewayOptions = {}) =>
  Layer.mergeAll(ConnectionHandlers, StubHandlers, Authorization.layer, StubSystem).pipe(
    Layer.provideMerge(Layer.mergeAll(Connections.layer, StubAuthenticator)),
    Layer.provide(EventBus.layerLocal),
    Layer.provideMerge(StubEvents),
    Layer.provideMerge(countFibers),
    Layer.provideMerge(Stub.layer),
    Layer.provideMerge(GatewayConfig.layer({ port: 0, ...options })),
  )

/** The services that routes and wires of a test may use. */
type Routing =
  | HttpRouter.HttpRouter
  | WireRegistry
  | Authenticator
  | GatewayConfig
  | PrincipalUsage
  | RefusalLog
  | TcpConnections
  | FallbackRoute
  | Pages

const rpcWire = Layer.provide(RpcWire.layer, ContractCalls.layer)

/** A stub gateway on a free port of 127.0.0.1. `more`: routes and wires of a test. */
export const stubGateway = (
  options: GatewayOptions = {},
  more: Layer.Layer<never, never, Routing> = Layer.empty,
  log: ReadonlyArray<Logger.Logger<unknown, unknown>> = [],
) =>
  GatewayServer.layer(Layer.mergeAll(rpcWire, HealthRoutes.layer, more)).pipe(
    Layer.provideMerge(stubServices(options)),
    Layer.provide(Logger.layer(log)),
  )
