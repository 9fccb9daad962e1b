/**
 * HookAccess: authenticates requests to hooks by the token of the hooks. A request to a signed mapping needs no token:
 * Hooks.ts checks its signature when it has the body. Hooks.ts uses it.
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Principal } from "../../domain/Principal.ts"
import { AuthFailures } from "../../services/auth/AuthFailures.ts"
import { equals, hashed } from "../../services/auth/SharedSecrets.ts"
import { clientAddress, proxiesOf } from "../connection/ClientAddress.ts"
import { FOREIGN } from "../connection/Origin.ts"
import { RefusalLog } from "../connection/RefusalLog.ts"
import { queryOf } from "../connection/RequestTarget.ts"
import { TcpConnections } from "../connection/TcpConnections.ts"
import { presentedToken } from "../http/BearerToken.ts"
import * as HttpAuth from "../http/HttpAuth.ts"
import { retryAfter } from "../http/Problem.ts"
import { plain } from "./HookErrors.ts"

/** OpenClaw's limit of wrong tokens from one address, and the time for which they count. */
const FAILURES = 20
const MEMORY_MS = 60_000

/** The principal of requests with the token. */
export const TOKEN_PRINCIPAL = "hooks"

/** Hooks may send messages and no more. Tools of the agent get the same rights. */
const hookPrincipal = (name: string): Principal => ({
  id: name,
  kind: "token",
  role: "operator",
  scopes: ["operator.write"],
})

const CLOSE = { connection: "close" }

/** `signedName` returns the name of the signed mapping to which a path leads, or `undefined`. */
export const make = Effect.fnUntraced(function* (
  signedName: (request: Parameters<HttpAuth.Access>[0]) => string | undefined,
) {
  const config = yield* GatewayConfig
  const refusals = yield* RefusalLog
  const tcp = yield* TcpConnections
  const proxies = proxiesOf(config)
  const isAllowed = yield* HttpAuth.pages
  const failures = new AuthFailures(FAILURES, MEMORY_MS)
  const expected = hashed("token", config.hooks.token)

  const access: HttpAuth.Access = Effect.fnUntraced(function* (request) {
    const { headers, originalUrl, remoteAddress: from } = request
    const remoteAddress = clientAddress(proxies, Option.getOrUndefined(from), headers)
    const refuse = (status: number, line: string, text?: string, more = {}) => {
      refusals.note(remoteAddress, `hook: ${line}`)
      return Effect.fail(plain(status, text, { ...CLOSE, ...more }))
    }
    if (!isAllowed(request)) return yield* refuse(403, FOREIGN)
    if (queryOf(originalUrl).has("token")) {
      return yield* refuse(400, "400 a token in the address", "Send the token in the header Authorization: Bearer.")
    }
    const name = signedName(request)
    if (name !== undefined) return { principal: hookPrincipal(name), remoteAddress }
    const own = headers["x-openclaw-token"]
    const presented = presentedToken(headers["authorization"]) ?? (own ? Redacted.make(own) : undefined)
    const now = yield* Clock.currentTimeMillis
    const lockedMs = failures.lockedOutForMs("token", remoteAddress, now)
    // As for the gateway's token: during a lockout, only a token that nobody can guess opens.
    const isTried = expected !== undefined && (lockedMs === 0 || !expected.guessable)
    if (isTried && presented !== undefined && equals(presented, expected)) {
      tcp.release(NodeHttpServerRequest.toIncomingMessage(request).socket)
      return { principal: hookPrincipal(TOKEN_PRINCIPAL), remoteAddress }
    }
    if (presented !== undefined) failures.fail("token", remoteAddress, now)
    if (lockedMs > 0) {
      return yield* refuse(429, "429 too many wrong tokens", undefined, retryAfter(lockedMs))
    }
    return yield* refuse(401, presented === undefined ? "401 no token" : "401 a wrong token", undefined, {
      "www-authenticate": "Bearer",
    })
  })
  return access
})
