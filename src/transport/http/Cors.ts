/**
 * CORS: the headers that a browser needs before it shows an answer to a page of another origin, and the answer to its
 * preflight. Origin.ts decides which pages may ask. All routes for browsers are added by `add`.
 */
import * as Effect from "effect/Effect"
import type * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpAuth from "./HttpAuth.ts"

/** How long a browser may remember the answer to a preflight. */
const MAX_AGE_SECONDS = "600"

/** Returns the answer, readable by the page that asked. A cache must not give it to another page. */
const readable = (
  { headers }: HttpServerRequest,
  response: HttpServerResponse.HttpServerResponse,
): HttpServerResponse.HttpServerResponse => {
  const origin = headers["origin"]
  const varying = HttpServerResponse.setHeader(response, "vary", "origin")
  return origin === undefined ? varying : HttpServerResponse.setHeader(varying, "access-control-allow-origin", origin)
}

const preflight = (method: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({
    status: 204,
    headers: {
      "access-control-allow-methods": method,
      "access-control-allow-headers": "authorization, content-type",
      "access-control-max-age": MAX_AGE_SECONDS,
    },
  })

type Respond = (
  request: HttpServerRequest,
) => Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpRouter.RouteContext>

/** Adds a route that pages of allowed origins may call, with the answer to their preflight. */
export const add = Effect.fnUntraced(function* (
  router: HttpRouter.HttpRouter,
  method: "GET" | "POST",
  path: HttpRouter.PathInput,
  respond: Respond,
) {
  const isAllowed = yield* HttpAuth.pages
  yield* router.add(method, path, (request) =>
    Effect.map(respond(request), (response) => (isAllowed(request) ? readable(request, response) : response)),
  )
  yield* router.add("OPTIONS", path, (request) =>
    Effect.succeed(isAllowed(request) ? readable(request, preflight(method)) : HttpAuth.foreign),
  )
})
