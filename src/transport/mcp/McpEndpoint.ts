/**
 * McpEndpoint: the MCP server (https://modelcontextprotocol.io) behind the routes of Mcp.ts. Mcp.ts loads it with the first
 * request, because effect's server takes 44 ms and 2 MB.
 */
import * as McpProtocol from "effect/ai/McpProtocol"
import * as McpServer from "effect/ai/McpServer"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpHeaders from "effect/http/Headers"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"
import { VERSION } from "../../domain/Version.ts"
import { Contract } from "../dialect/Query.ts"
import type { ApiCall } from "../http/ApiRoutes.ts"
import * as RequestBody from "../http/RequestBody.ts"
import type { Calls } from "../kernel/ContractCalls.ts"
import { refusal } from "./McpErrors.ts"
import { resources } from "./McpResources.ts"
import { McpSessions } from "./McpSessions.ts"
import { handlers, kit } from "./McpTools.ts"

const SESSION_ID = "mcp-session-id"

/** Bytes of a request that begins a session. The server keeps its content as long as the session. */
const FIRST_BYTES = 16_384

const unknownSession = refusal(404, "unknown MCP session: send initialize to begin one")
const firstTooBig = refusal(413, `a request that begins an MCP session may have ${FIRST_BYTES} bytes at most`)

export type Method = "POST" | "DELETE"

type Request = HttpServerRequest.HttpServerRequest
/** A handler of the server. It takes its services from the fiber that runs it. */
type Handler = (request: Request) => Effect.Effect<HttpServerResponse>

/** Answers a request with the calls of its client. */
export type Endpoint = (
  method: Method,
  api: ApiCall,
  calls: Calls,
) => Effect.Effect<HttpServerResponse, HttpServerResponse, Scope.Scope>

/** The server. Its handlers run with the services of the HTTP request, where this module provides `Contract`. */
const serverOn = (router: HttpRouter.HttpRouter) =>
  McpServer.layerHttp({
    name: "causeway",
    version: VERSION,
    instructions: "Talk to the agents of a Causeway gateway, read their sessions, and read and write their memory.",
    path: "/mcp",
    protocols: [McpProtocol.v2026_07_28, McpProtocol.v2025_11_25, McpProtocol.v2025_06_18],
    allowSessionTermination: true,
    allowSubscriptions: false,
    registrations: Layer.provide(Layer.merge(McpServer.toolkit(kit), resources), handlers),
  }).pipe(Layer.provide(Layer.succeed(HttpRouter.HttpRouter, router)), Layer.orDie) as Layer.Layer<unknown>

/** Makes the endpoint. Its server runs until the scope closes. */
export const make = Effect.gen(function* () {
  const routes = new Map<string, Handler>()
  const sessions = new McpSessions()

  /** Keeps the handlers instead of adding them, because ApiRoutes.ts adds the routes with its rules. */
  const keeping = HttpRouter.HttpRouter.of({
    ...(yield* HttpRouter.HttpRouter),
    add: (method, _path, handler) => Effect.sync(() => void routes.set(method, handler as Handler)),
  })
  yield* Layer.build(serverOn(keeping))
  const end = routes.get("DELETE")!

  /** Ends the sessions above the bounds in the server. */
  const endExcess = (request: Request, now: number) =>
    Effect.forEach(
      sessions.removeExcess(now),
      (id) => end(request.modify({ headers: HttpHeaders.fromInput({ [SESSION_ID]: id }) })),
      { discard: true },
    )

  /** Reads the body, so that the server parses no JSON that nests too deep. Returns its size. */
  const readBody = Effect.fnUntraced(function* ({ limits }: ApiCall, request: Request) {
    yield* RequestBody.requireType(request)
    const body = yield* RequestBody.bytes(request)
    yield* RequestBody.checkShape(limits, body)
    return body.byteLength
  })

  /** Notes the session that a response begins. It runs for every response, also to a client that has left. */
  const noteSession = (principal: string, size: number): HttpEffect.PreResponseHandler =>
    Effect.fnUntraced(function* (request, response) {
      const id = response.headers[SESSION_ID]
      if (id === undefined) return response
      const now = yield* Clock.currentTimeMillis
      sessions.add(id, principal, size > FIRST_BYTES ? -Infinity : now)
      yield* endExcess(request, now)
      return size > FIRST_BYTES ? firstTooBig : response
    })

  const endpoint: Endpoint = Effect.fnUntraced(function* (method, api, calls) {
    const principal = api.caller.principal.id
    // ApiRoutes.ts has checked the page.
    const request = api.request.modify({ headers: HttpHeaders.remove(api.request.headers, "origin") })
    const size = method === "POST" ? yield* readBody(api, request) : 0
    const now = yield* Clock.currentTimeMillis
    yield* endExcess(request, now)
    const id = request.headers[SESSION_ID]
    if (id !== undefined && !sessions.use(id, principal, now)) return unknownSession
    const begins = method === "POST" && id === undefined
    return yield* routes.get(method)!(request).pipe(
      Effect.tap(({ status }) =>
        Effect.sync(() => {
          if (method === "DELETE" && id !== undefined && status === 204) sessions.remove(id)
        }),
      ),
      Effect.onExit(() => (begins ? HttpEffect.appendPreResponseHandler(noteSession(principal, size)) : Effect.void)),
      Effect.provideService(HttpServerRequest.HttpServerRequest, request),
      Effect.provideService(Contract, Contract.calling(calls.call)),
    )
  })
  return endpoint
})
