/**
 * EventStreams: event subscriptions whose client is an HTTP response. Such a client counts as a connection and as a
 * subscription, and all of them share one fan-out. Sse.ts and Rest.ts use it.
 */
import type { OutgoingHttpHeaders } from "node:http"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as HttpEffect from "effect/http/HttpEffect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { type EventFilter, permitted, type Position } from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { Connections } from "../../services/connections/Connections.ts"
import { type CloseCode, CloseCodes, reasonOf } from "../connection/CloseCodes.ts"
import { ConnectionSupervisor } from "../connection/ConnectionSupervisor.ts"
import type { ApiCall } from "../http/ApiRoutes.ts"
import * as ProblemDetails from "../http/ProblemDetails.ts"
import { problem } from "../http/Problem.ts"
import { streamHeaders } from "../http/StreamedText.ts"
import { DialectServer } from "../kernel/DialectServer.ts"
import { subscriptionFault } from "../kernel/MissingScopes.ts"
import { closingText, sseEncoding, type StreamView } from "./SseEncoding.ts"
import { StreamClient } from "./StreamClient.ts"

type Response = HttpServerResponse.HttpServerResponse

/** A client waits this long before it connects again, unless the gateway expects a longer restart. */
const RETRY_MS = 1_000

/** Clients of a restarted gateway come back over this time, so that they do not come all at once. */
const SPREAD_MS = 1_000

/** Spreads neighbouring numbers over the time. */
const spreadMs = (clientId: number): number => (clientId * 389) % SPREAD_MS

const noRoom = {
  full: problem(503, "the gateway has reached its limit of connections", { "retry-after": "1" }),
  stopping: problem(503, "the gateway is stopping", { "retry-after": "1" }),
}

const headers = { ...streamHeaders, connection: "close" }

/**
 * Begins the response and takes it from Effect's server, which would keep the request, a scope and several fibers for as
 * long as the client stays. To that server, a response whose writable side has ended is complete.
 */
const takeOver = (
  response: { writeHead(status: number, headers: OutgoingHttpHeaders): unknown },
  { headers, status }: Response,
): void => {
  response.writeHead(status, headers)
  Object.defineProperty(response, "writableEnded", { value: true })
}

export class EventStreams extends Context.Service<
  EventStreams,
  {
    /**
     * Subscribes the client of the request, from now or after the position. Returns the head of the response, which lasts
     * until the client leaves or the gateway closes it. Fails with the response to a client that may not subscribe.
     */
    open(
      call: ApiCall,
      view: StreamView,
      filter: EventFilter,
      from: Position | undefined,
    ): Effect.Effect<Response, Response>
  }
>()("causeway/transport/sse/EventStreams") {
  static readonly layer: Layer.Layer<
    EventStreams,
    never,
    Connections | ConnectionSupervisor | DialectServer | GatewayConfig
  > = Layer.effect(
    EventStreams,
    Effect.gen(function* () {
      const { restartExpectedMs = RETRY_MS } = yield* GatewayConfig
      const connections = yield* Connections
      const supervisor = yield* ConnectionSupervisor
      const dialects = yield* DialectServer
      const fanout = yield* dialects.fanout(sseEncoding)

      const fork = Effect.runForkWith(yield* Effect.context<never>())

      const open = Effect.fnUntraced(function* (
        call: ApiCall,
        view: StreamView,
        filter: EventFilter,
        from: Position | undefined,
      ) {
        const { caller, release, request, usage } = call
        const { principal, remoteAddress } = caller
        const fault = subscriptionFault(principal, usage)
        if (fault !== undefined) return yield* Effect.fail(ProblemDetails.ofFault(fault))
        const head = HttpServerResponse.empty({ status: 200, headers: { ...headers, "content-type": view.type } })
        const response = NodeHttpServerRequest.toServerResponse(request)
        if (request.method === "HEAD" || response.destroyed) return head
        // The end of the connection ends the response. Chunks would make three writes of each event.
        response.removeHeader("transfer-encoding")
        const client = new StreamClient(response)
        const scope = Scope.makeUnsafe()
        const end = () => void fork(Scope.close(scope, Exit.void))
        response.once("close", end)
        const openedAt = yield* Clock.currentTimeMillis
        const close = (close: CloseCode, detail?: string) => {
          const retryMs = (close === CloseCodes.restart ? restartExpectedMs : RETRY_MS) + spreadMs(client.number)
          client.end(closingText(view.type, { code: close.code, reason: reasonOf(close, detail) }, retryMs))
          end()
        }
        const register = connections.register({
          dialect: sseEncoding.name,
          remoteAddress,
          lastInboundAt: () => openedAt,
          callsInFlight: () => 0,
          outboxBytes: () => client.bytes,
          closeByOperator: (reason) => close(CloseCodes.operator, reason),
          closeRevoked: (reason) => close(CloseCodes.invalidated, reason),
        })
        yield* Scope.provide(
          Effect.mapError(supervisor.join(close), (why) => noRoom[why]),
          scope,
        )
        const registered = yield* Scope.provide(register, scope)
        registered.identify(principal)
        client.number = registered.clientId
        release()
        usage.subscriptions++
        const subscription = fanout.subscribe(client, view, permitted(filter, principal.scopes), from)
        yield* Scope.addFinalizer(
          scope,
          Effect.sync(() => {
            usage.subscriptions--
            subscription.leave()
          }),
        )
        /** Serves the client in a fiber until it is live, and again whenever its socket was full. */
        const serve = (): void => {
          const served = Effect.andThen(
            subscription.caughtUp,
            Effect.sync(() => subscription.whenDetached(serve)),
          )
          // The client comes back and resumes.
          const failed = (bug: unknown) =>
            Effect.tap(Effect.logError("a subscription failed", bug), () =>
              Effect.sync(() => close(CloseCodes.internal)),
            )
          Fiber.runIn(fork(Effect.catchDefect(served, failed)), scope)
        }
        // The routes around this one add headers to the response, so the stream begins when the response is complete.
        const begins = HttpEffect.appendPreResponseHandler((_request, complete) =>
          Effect.sync(() => {
            if (response.destroyed) return complete
            takeOver(response, complete)
            subscription.enter()
            serve()
            return complete
          }),
        )
        yield* Effect.provideService(begins, HttpServerRequest, request)
        return head
      })

      return EventStreams.of({ open })
    }),
  )
}
