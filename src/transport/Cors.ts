/**
 * CORS: what a browser must be told before a page of another origin sees an answer. Which pages may ask is decided
 * elsewhere (Origin.ts); this words the decision.
 */
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

/** How long a browser may remember the answer to a preflight. */
const MAX_AGE_SECONDS = "600"

/** The answer, readable by the page that asked. Nobody else may be given it from a cache. */
export const readable = (
  { headers }: HttpServerRequest.HttpServerRequest,
  response: HttpServerResponse.HttpServerResponse,
): HttpServerResponse.HttpServerResponse => {
  const origin = headers["origin"]
  const varying = HttpServerResponse.setHeader(response, "vary", "origin")
  return origin === undefined ? varying : HttpServerResponse.setHeader(varying, "access-control-allow-origin", origin)
}

/** The answer to a preflight of a page that may ask. */
export const preflight = (methods: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({
    status: 204,
    headers: {
      "access-control-allow-methods": methods,
      "access-control-allow-headers": "authorization, content-type",
      "access-control-max-age": MAX_AGE_SECONDS,
    },
  })
