/**
 * EventStreams: event subscriptions whose client is an HTTP response. Such a client counts as a connection and as a
 * subscription, and all of them share one fan-out. Sse.ts and Rest.ts use it.
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
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

export class EventStreams extends Context.Service<
  EventStreams,
  {
    /**
     * Subscribes the client of the request, from now or after the position. The response lasts until the client leaves or
     * the gateway closes it. Fails with the response to a client that may not subscribe.
     */
    open(
      call: ApiCall,
      view: StreamView,
      filter: EventFilter,
      from: Position | undefined,
    ): Effect.Effect<Response, Response, Scope.Scope>
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
        const response = NodeHttpServerRequest.toServerResponse(request)
        // The end of the connection ends the response. Chunks would make three writes of each event.
        response.removeHeader("transfer-encoding")
        const client = new StreamClient(response)
        const closed = yield* Deferred.make<void>()
        const openedAt = yield* Clock.currentTimeMillis
        const close = (close: CloseCode, detail?: string) => {
          const retryMs = (close === CloseCodes.restart ? restartExpectedMs : RETRY_MS) + spreadMs(client.number)
          client.end(closingText(view.type, { code: close.code, reason: reasonOf(close, detail) }, retryMs))
          Deferred.doneUnsafe(closed, Effect.void)
        }
        yield* Effect.mapError(supervisor.join(close), (why) => noRoom[why])
        const registered = yield* connections.register({
          dialect: sseEncoding.name,
          remoteAddress,
          lastInboundAt: () => openedAt,
          callsInFlight: () => 0,
          outboxBytes: () => client.bytes,
          closeByOperator: (reason) => close(CloseCodes.operator, reason),
          closeRevoked: (reason) => close(CloseCodes.invalidated, reason),
        })
        registered.identify(principal)
        client.number = registered.clientId
        release()
        yield* Effect.acquireRelease(
          Effect.sync(() => usage.subscriptions++),
          () => Effect.sync(() => usage.subscriptions--),
        )
        const { life } = fanout.subscribe(client, view, permitted(filter, principal.scopes), from)
        const serve = Effect.raceFirst(life, Deferred.await(closed)).pipe(
          // The client comes back and resumes.
          Effect.catchDefect((bug) =>
            Effect.tap(Effect.logError("a subscription failed", bug), () =>
              Effect.sync(() => close(CloseCodes.internal)),
            ),
          ),
        )
        // `serve` writes to the socket itself: all clients share the bytes.
        return HttpServerResponse.stream(Stream.fromEffectDrain(serve), { contentType: view.type, headers })
      })

      return EventStreams.of({ open })
    }),
  )
}
