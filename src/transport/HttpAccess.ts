/**
 * Who calls over HTTP: the page that a browser names must be allowed and the token must be right, as on every wire.
 * What is asked is the route's.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { GatewayConfig } from "../domain/GatewayConfig.ts"
import type { Principal } from "../domain/Principal.ts"
import type { Unauthenticated } from "../domain/Refusal.ts"
import { Authenticator } from "../services/Authenticator.ts"
import { isOriginAllowed } from "./Origin.ts"
import { clientAddress, parseProxies } from "./ClientAddress.ts"
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

const unauthorized = ({ reason, retryAfterMs }: Unauthenticated) =>
  retryAfterMs !== undefined
    ? problem(429, "too many wrong tokens from this address", { "retry-after": `${Math.ceil(retryAfterMs / 1_000)}` })
    : problem(401, reason === "missing" ? "a token is needed" : "the token is not right", {
        "www-authenticate": "Bearer",
      })

export const foreign = problem(403, "this page's origin is not allowed")

type IsAllowed = (request: HttpServerRequest.HttpServerRequest) => boolean

/** Whether the page that a browser names may ask. All that a preflight is about: it brings no token. */
export const pages: Effect.Effect<IsAllowed, never, GatewayConfig> = Effect.map(
  GatewayConfig,
  ({ allowedOrigins, auth }) => {
    const policy = { allowed: allowedOrigins, open: auth === "none" }
    return ({ headers }) => isOriginAllowed(policy, headers["origin"], headers["host"])
  },
)

export const make: Effect.Effect<Access, never, Authenticator | GatewayConfig> = Effect.gen(function* () {
  const authenticator = yield* Authenticator
  const proxies = parseProxies((yield* GatewayConfig).trustedProxies)
  const isAllowed = yield* pages
  return Effect.fnUntraced(function* (request) {
    if (!isAllowed(request)) return yield* Effect.fail(foreign)
    const { headers, originalUrl, remoteAddress: from } = request
    const remoteAddress = clientAddress(proxies, Option.getOrUndefined(from), headers)
    const token = presentedToken(headers["authorization"], originalUrl)
    const principal = yield* Effect.mapError(authenticator.authenticate(token, remoteAddress), unauthorized)
    return { principal, remoteAddress }
  })
})
