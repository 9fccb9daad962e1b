/**
 * HttpAccess: authenticates an HTTP request as every wire does. The page that sends it must be allowed, and the token
 * right. Routes use it, those of embedding programs too.
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { Unauthenticated } from "../../domain/Refusal.ts"
import { Authenticator } from "../../services/auth/Authenticator.ts"
import { clientAddress, proxiesOf } from "../connection/ClientAddress.ts"
import { FOREIGN, isPageAllowed, originPolicy } from "../connection/Origin.ts"
import { RefusalLog } from "../connection/RefusalLog.ts"
import { TcpConnections } from "../connection/TcpConnections.ts"
import { presentedToken } from "./Upgrades.ts"

export interface Caller {
  readonly principal: Principal
  readonly remoteAddress: string
}

/** Checks a request, or fails with the answer to it. */
export type Access = (
  request: HttpServerRequest.HttpServerRequest,
) => Effect.Effect<Caller, HttpServerResponse.HttpServerResponse>

export const problem = (status: number, error: string, headers: Record<string, string> = {}) =>
  HttpServerResponse.jsonUnsafe({ error }, { status, headers })

/** A refusal closes its socket. */
const CLOSE = { connection: "close" }

const GUESSES = "too many wrong tokens from this address"

export const foreign = problem(403, FOREIGN, CLOSE)

type IsAllowed = (request: HttpServerRequest.HttpServerRequest) => boolean

/** Whether the page that sends the request may ask. A preflight needs no more: it brings no token. */
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

    const refuse = (address: string, { reason, retryAfterMs }: Unauthenticated) => {
      if (retryAfterMs !== undefined) {
        refusals.note(address, `429 ${GUESSES}`)
        return problem(429, GUESSES, { ...CLOSE, "retry-after": `${Math.ceil(retryAfterMs / 1_000)}` })
      }
      if (reason === "missing") refusals.note(address, "401 no credential")
      const said = reason === "missing" ? "a token is needed" : "the token is not right"
      return problem(401, said, { ...CLOSE, "www-authenticate": "Bearer" })
    }

    return Effect.fnUntraced(function* (request) {
      const { headers, originalUrl, remoteAddress: from } = request
      const remoteAddress = clientAddress(proxies, Option.getOrUndefined(from), headers)
      if (!isAllowed(request)) {
        refusals.note(remoteAddress, FOREIGN, headers["origin"] ?? headers["sec-fetch-site"])
        return yield* Effect.fail(foreign)
      }
      const token = presentedToken(headers["authorization"], originalUrl)
      const principal = yield* Effect.mapError(authenticator.authenticate(token, remoteAddress), (error) =>
        refuse(remoteAddress, error),
      )
      tcp.release(NodeHttpServerRequest.toIncomingMessage(request).socket)
      return { principal, remoteAddress }
    })
  })
