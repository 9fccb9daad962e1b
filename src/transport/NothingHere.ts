/**
 * What is answered over HTTP where no route is: at `/` what this is and where to go on, for people who open the printed
 * address in a browser, elsewhere that nothing is here. A page of the Control UI's or of an embedding program's comes
 * before it. It knows no route.
 */
import { isHttpServerError, type HttpServerError, type RouteNotFound } from "effect/http/HttpServerError"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpAccess from "./HttpAccess.ts"

const welcome = (path: string) =>
  HttpServerResponse.text(`This is a Causeway gateway. It serves programs rather than browsers:

  /rpc                  the typed client (WebSocket)
  ${path.padEnd(20)}  JSON-RPC 2.0 or Mission Control (WebSocket)
  /jsonrpc              JSON-RPC 2.0 (WebSocket, and POST)
  /                     OpenClaw's protocol (WebSocket)
  /api/...              Mission Control (HTTP)
  /health, /ready       probes

Talk to it from a terminal: causeway send "hello"
`)

export const isRouteNotFound = (error: unknown): error is HttpServerError & { readonly reason: RouteNotFound } =>
  isHttpServerError(error) && error.reason._tag === "RouteNotFound"

const nothing = HttpAccess.problem(404, "nothing is here")

/** `path`: where dashboards connect, see GatewayConfig. */
export const answer = (path: string) => {
  const page = welcome(path)
  return ({ method, url }: HttpServerRequest): HttpServerResponse.HttpServerResponse =>
    (method === "GET" || method === "HEAD") && url.replace(/\?.*$/, "") === "/" ? page : nothing
}
