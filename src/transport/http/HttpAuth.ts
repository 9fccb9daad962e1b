/**
 * HttpAuth: authenticates HTTP requests like every wire, by the origin of the page and the token. ApiRoutes.ts checks each
 * request with it. Routes of embedding programs can use it directly.
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Principal } from "../../domain/Principal.ts"
import { Authenticator } from "../../services/auth/Authenticator.ts"
import { clientAddress, proxiesOf } from "../connection/ClientAddress.ts"
import { FOREIGN, isPageAllowed, originPolicy } from "../connection/Origin.ts"
import { RefusalLog } from "../connection/RefusalLog.ts"
import { TcpConnections } from "../connection/TcpConnections.ts"
import { presentedToken, tokenRefusal } from "./BearerToken.ts"
import { problem } from "./Problem.ts"

/** The client of an authenticated request. */
export interface Caller {
  readonly principal: Principal
  readonly remoteAddress: string
}

/**
 * Authenticates a request, or fails with the response to it. `isTokenInQuery`: the token may be in `?token=`, because the
 * clients of the route cannot set headers.
 */
export type Access = (
  request: HttpServerRequest.HttpServerRequest,
  isTokenInQuery?: boolean,
) => Effect.Effect<Caller, HttpServerResponse>

export { problem }

/** A client whose authentication failed keeps no socket. */
const CLOSE = { connection: "close" }

export const foreign = problem(403, FOREIGN, CLOSE)

type IsAllowed = (request: HttpServerRequest.HttpServerRequest) => boolean

/** Makes the check of the page that sends a request. A preflight needs no other check, because it carries no token. */
export const pages: Effect.Effect<IsAllowed, never, GatewayConfig> = Effect.map(GatewayConfig, (config) => {
  const policy = originPolicy(config)
  return ({ headers }) => isPageAllowed(policy, headers)
})

export const make: Effect.Effect<Access, never, Authenticator | GatewayConfig | RefusalLog | TcpConnections> =
  Effect.gen(function* () {
    const authenticator = yield* Authenticator
    const refusals = yield* RefusalLog
    const tcp = yield* TcpConnections
    const proxies = proxiesOf(yield* GatewayConfig)
    const isAllowed = yield* pages

    return Effect.fnUntraced(function* (request, isTokenInQuery = false) {
      const { headers, originalUrl, remoteAddress: from } = request
      const remoteAddress = clientAddress(proxies, Option.getOrUndefined(from), headers)
      if (!isAllowed(request)) {
        refusals.note(remoteAddress, FOREIGN, headers["origin"] ?? headers["sec-fetch-site"])
        return yield* Effect.fail(foreign)
      }
      const token = presentedToken(headers["authorization"], isTokenInQuery ? originalUrl : undefined)
      const principal = yield* Effect.mapError(authenticator.authenticate(token, remoteAddress), (error) => {
        const { error: text, headers, logLine, status } = tokenRefusal(error)
        if (logLine !== undefined) refusals.note(remoteAddress, logLine)
        return problem(status, text, { ...CLOSE, ...headers }, error)
      })
      tcp.release(NodeHttpServerRequest.toIncomingMessage(request).socket)
      return { principal, remoteAddress }
    })
  })
