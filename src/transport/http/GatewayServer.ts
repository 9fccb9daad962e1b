/**
 * GatewayServer: the gateway's port. It is a Node HTTP server with the routes and wires of an app, and it listens once all
 * of them are mounted. An embedding program adds its own routes and wires to the same app. Gateway.ts builds it.
 */
import { createServer, type IncomingMessage, type Server } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { Socket } from "node:net"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpRouter from "effect/http/HttpRouter"
import { isLoopback } from "../../domain/Address.ts"
import { SESSION_KEY_CHARS } from "../../domain/Bounds.ts"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import { StartupError } from "../../domain/StartupError.ts"
import * as DefectReporter from "../../services/logs/DefectReporter.ts"
import * as BasePath from "./BasePath.ts"
import { normalizeAddress } from "../connection/ClientAddress.ts"
import { CloseCodes } from "../connection/CloseCodes.ts"
import { Pages } from "./Pages.ts"
import * as HttpGuard from "./HttpGuard.ts"
import { FallbackRoute, isRouteNotFound } from "./FallbackRoute.ts"
import { PrincipalUsage } from "../connection/PrincipalUsage.ts"
import { RefusalLog } from "../connection/RefusalLog.ts"
import { RouteTable } from "./RouteTable.ts"
import { ConnectionSupervisor } from "../connection/ConnectionSupervisor.ts"
import { TcpConnections } from "../connection/TcpConnections.ts"
import { TlsCertificate } from "./TlsCertificate.ts"
import { Upgrades } from "./Upgrades.ts"
import { WireRegistry } from "../connection/WireRegistry.ts"

/** The address where the gateway listens, with the actual port if the option `port` is 0. */
export class ListeningAddress extends Context.Service<
  ListeningAddress,
  {
    readonly host: string
    readonly port: number
    /** E.g. `127.0.0.1:18789`. */
    readonly authority: string
    /** `https` if the port has TLS. */
    readonly scheme: "http" | "https"
  }
>()("causeway/transport/ListeningAddress") {}

/** Time for HTTP requests in progress when the gateway stops. */
const CLOSE_TIMEOUT_MS = 1_000

/** Node checks request timeouts periodically, every 30 s by default. */
const timeouts = ({ limits: { handshakeTimeoutMs, requestTimeoutMs } }: GatewaySettings) => ({
  headersTimeout: handshakeTimeoutMs,
  // Node requires that it is at least `headersTimeout`.
  requestTimeout: Math.max(requestTimeoutMs, handshakeTimeoutMs),
  connectionsCheckingInterval: Math.min(30_000, Math.max(100, handshakeTimeoutMs / 4)),
})

/** A path may contain the longest session key. A character takes nine at most, e.g. `%E2%82%AC`. */
const routing = { maxParamLength: SESSION_KEY_CHARS * 9 }

const checkExposure = ({ auth, host }: GatewaySettings): Effect.Effect<void, StartupError> =>
  auth === "token" || isLoopback(host)
    ? Effect.void
    : Effect.fail(
        new StartupError({
          problem: `without a token everybody on the network could use the gateway at ${host}`,
          remedy: "set auth to token, or host to 127.0.0.1",
        }),
      )

const toStartupError = (error: NodeJS.ErrnoException, host: string, port: number): StartupError => {
  switch (error.code) {
    case "EADDRINUSE":
      return new StartupError({
        problem: `port ${port} of ${host} is taken`,
        remedy: "stop the program that has it, or give the gateway another port",
      })
    case "EACCES":
      return new StartupError({
        problem: `port ${port} may not be opened by this user`,
        remedy: "give the gateway a port above 1023",
      })
    default:
      return new StartupError({
        problem: `cannot listen on ${host}: ${error.code ?? error.message}`,
        remedy: "give the gateway an address of this machine",
      })
  }
}

/** Makes a Node server, with TLS if there is a certificate. */
const makeServer = (config: GatewaySettings, { first, onChange }: TlsCertificate["Service"]): Server => {
  const options = {
    ...timeouts(config),
    // By default, Node passes every kind of upgrade to the listener. Others than WebSocket are plain requests here.
    shouldUpgradeCallback: (request: IncomingMessage) => request.headers.upgrade?.toLowerCase() === "websocket",
  }
  if (first === undefined) return createServer(options)
  const server = createSecureServer({ ...options, ...first, handshakeTimeout: config.limits.handshakeTimeoutMs })
  onChange((pair) => server.setSecureContext(pair))
  return server
}

const listen = (server: Server, host: string, port: number) =>
  Effect.callback<number, StartupError>((resume) => {
    const onError = (error: NodeJS.ErrnoException) => resume(Effect.fail(toStartupError(error, host, port)))
    server.once("error", onError)
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.off("error", onError)
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })

/** A Node server closes with its last connection, so this closes idle ones at once and slow requests after a while. */
const close = (server: Server) =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeIdleConnections()
  }).pipe(
    Effect.timeoutOrElse({
      duration: CLOSE_TIMEOUT_MS,
      orElse: () => Effect.sync(() => server.closeAllConnections()),
    }),
  )

const serve = Effect.fnUntraced(function* <A, E, R>(app: Layer.Layer<A, E, R>) {
  const config = yield* GatewayConfig
  yield* checkExposure(config)
  const supervisor = yield* ConnectionSupervisor
  const upgrades = yield* Upgrades
  const tcp = yield* TcpConnections
  const refusals = yield* RefusalLog
  const guard = yield* HttpGuard.make
  const scope = yield* Effect.scope
  const fallback = yield* FallbackRoute
  const table = new RouteTable(routing)
  const recording = Layer.effect(
    HttpRouter.HttpRouter,
    Effect.map(HttpRouter.HttpRouter, (router) => table.recording(router)),
  )
  const routed = HttpRouter.toHttpEffect(Layer.provide(app, recording))
  const routes = yield* Effect.provideService(routed, HttpRouter.RouterConfig, routing)
  const answers = Effect.catchIf(routes, isRouteNotFound, ({ reason: { request } }) =>
    fallback.answer(request, table.methodsAt(request.url)),
  )
  const handle = yield* NodeHttpServer.makeHandler(guard(answers), { scope })
  const certificate = yield* TlsCertificate
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => makeServer(config, certificate)),
    (server) => Effect.andThen(supervisor.closeAll(CloseCodes.restart), close(server)),
  )
  server.on("connection", tcp.accept)
  server.on("request", BasePath.onRequest(config.basePath, handle))
  server.on("upgrade", BasePath.onUpgrade(config.basePath, upgrades.handle))
  const port = yield* listen(server, config.host, config.port)
  server.on("tlsClientError", (error: NodeJS.ErrnoException, { remoteAddress }: Socket) =>
    refusals.note(normalizeAddress(remoteAddress ?? ""), "no TLS connection", error.code),
  )
  const scheme = certificate.first === undefined ? "http" : "https"
  const authority = config.host.includes(":") ? `[${config.host}]:${port}` : `${config.host}:${port}`
  yield* Effect.logInfo(`listening on ${scheme === "https" ? "https://" : ""}${authority}`)
  return ListeningAddress.of({ host: config.host, port, authority, scheme })
})

/** `app`: the routes and wires, e.g. `Layer.mergeAll(RpcWire.layer, HealthRoutes.layer, MyRoutes)`. */
export const layer = <A, E, R>(app: Layer.Layer<A, E, R>) =>
  Layer.effect(ListeningAddress, serve(app)).pipe(
    Layer.provide(Upgrades.layer),
    Layer.provideMerge(TlsCertificate.layer),
    Layer.provide(Layer.provideMerge(FallbackRoute.layer, Pages.layer)),
    Layer.provideMerge(ConnectionSupervisor.layer),
    Layer.provide(PrincipalUsage.layer),
    Layer.provide(TcpConnections.layer),
    Layer.provide(RefusalLog.layer),
    Layer.provide(WireRegistry.layer),
    Layer.provide(DefectReporter.layer),
  )
