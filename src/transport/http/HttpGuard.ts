/**
 * HttpGuard: wraps all HTTP routes. It adds the security headers and refuses pages of other sites before any route. It
 * closes the connection after an error response to a request whose body is still arriving, so that slow bodies hold no
 * sockets. GatewayServer.ts uses it.
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { clientAddress, proxiesOf } from "../connection/ClientAddress.ts"
import { foreign } from "./HttpAuth.ts"
import { FOREIGN, isForeign, isNavigation, originPolicy } from "../connection/Origin.ts"
import { RefusalLog } from "../connection/RefusalLog.ts"
import * as RequestBody from "./RequestBody.ts"

/** NodeHttpServer lets the client read the response before it ends such a connection. */
const closing = HttpServerResponse.setHeader("connection", "close")

const withoutSlowBody = (
  request: HttpServerRequest.HttpServerRequest,
  response: HttpServerResponse.HttpServerResponse,
): HttpServerResponse.HttpServerResponse =>
  response.status >= 400 && !NodeHttpServerRequest.toIncomingMessage(request).complete && RequestBody.isPresent(request)
    ? closing(response)
    : response

/** Keeps browsers from guessing the types of responses and from sending addresses to other sites. */
const protection = { "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" }

/** RFC 6797: browsers use TLS for this host for a year. They ignore it for addresses and for bad certificates. */
const strictTransport = { "strict-transport-security": "max-age=31536000" }

/** Returns a function that puts the guard around the routes. */
export const make = Effect.gen(function* () {
  const config = yield* GatewayConfig
  const refusals = yield* RefusalLog
  const policy = originPolicy(config)
  const proxies = proxiesOf(config)
  const headers = config.tls.cert === undefined ? protection : { ...protection, ...strictTransport }

  const note = ({ headers, remoteAddress }: HttpServerRequest.HttpServerRequest): void =>
    refusals.note(
      clientAddress(proxies, Option.getOrUndefined(remoteAddress), headers),
      FOREIGN,
      headers["origin"] ?? headers["sec-fetch-site"],
    )

  return <E, R>(routes: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
      if (isForeign(policy, request.headers) && !isNavigation(request.method, request.headers)) {
        note(request)
        return Effect.succeed(foreign)
      }
      return Effect.map(routes, (response) =>
        HttpServerResponse.setHeaders(withoutSlowBody(request, response), headers),
      )
    })
})
