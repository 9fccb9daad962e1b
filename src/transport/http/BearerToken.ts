/**
 * BearerToken: the token that an HTTP request presents, and the refusal of a wrong one. HttpAuth.ts answers routes with
 * it, and Upgrades.ts WebSocket upgrades.
 */
import * as Redacted from "effect/Redacted"
import type { Unauthenticated } from "../../domain/Refusal.ts"
import { queryOf } from "../connection/RequestTarget.ts"
import { retryAfter } from "./Problem.ts"

/**
 * Returns the token of `Authorization: Bearer`, or of `?token=` in `url`. Pass `url` only where browsers cannot set headers:
 * for a WebSocket or an EventSource. Proxies and browsers keep addresses in their logs and histories.
 */
export const presentedToken = (
  authorization: string | undefined,
  url?: string,
): Redacted.Redacted<string> | undefined => {
  const bearer = /^bearer +(\S.*)$/i.exec(authorization ?? "")?.[1]
  if (bearer !== undefined) return Redacted.make(bearer)
  if (url?.includes("token=") !== true) return undefined
  const token = queryOf(url).get("token")
  return token === null ? undefined : Redacted.make(token)
}

/** An HTTP refusal of a token. */
export interface TokenRefusal {
  readonly status: 401 | 429
  /** Text for the client. */
  readonly error: string
  readonly headers: Readonly<Record<string, string>>
  /** Line for the refusal log. `undefined` if the Authenticator has logged the refusal. */
  readonly logLine: string | undefined
}

/** RFC 9110 11.6.1 */
const CHALLENGE = { "www-authenticate": "Bearer" }

export const tokenRefusal = ({ reason, retryAfterMs }: Unauthenticated): TokenRefusal => {
  if (retryAfterMs !== undefined) {
    const error = "too many wrong tokens from this address"
    return { status: 429, error, headers: retryAfter(retryAfterMs), logLine: `429 ${error}` }
  }
  return reason === "missing"
    ? {
        status: 401,
        error: "missing token: send the header Authorization: Bearer",
        headers: CHALLENGE,
        logLine: "401 no credential",
      }
    : { status: 401, error: "wrong token", headers: CHALLENGE, logLine: undefined }
}
