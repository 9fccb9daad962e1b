/**
 * McpEndpoint: the MCP server (https://modelcontextprotocol.io) behind the routes of Mcp.ts. Mcp.ts loads it with the first
 * request, because effect's server takes 44 ms and 2 MB.
 */
import * as McpProtocol from "effect/ai/McpProtocol"
import * as McpSchema from "effect/ai/McpSchema"
import * as McpServer from "effect/ai/McpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpHeaders from "effect/http/Headers"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { VERSION } from "../../domain/Version.ts"
import { call, Contract } from "../dialect/Query.ts"
import type { Calls } from "../kernel/ContractCalls.ts"
import { handlers, kit, textOf } from "./McpTools.ts"

/** Carries the id of the caller from the request to the middleware. The gateway overwrites it in every request. */
const CALLER = "x-causeway-caller"

const key = McpSchema.param("key", Schema.String)
const id = McpSchema.param("id", Schema.String)

const failing = <A, E, R>(content: Effect.Effect<A, E, R>) => content

const transcripts = McpServer.resource`causeway://sessions/${key}`({
  name: "The transcript of a session",
  description: "The newest 200 messages, as text. The key of the session is percent-encoded.",
  mimeType: "text/plain",
  content: (_uri: string, key: string) =>
    failing(
      Effect.map(Effect.mapError(call("sessions.history", { key, limit: 200 }), textOf), ({ messages }) =>
        messages.map(({ role, text }) => `${role}: ${text}`).join("\n\n"),
      ),
    ),
})

const documents = McpServer.resource`causeway://memory/${id}`({
  name: "A document that the agents share",
  mimeType: "text/markdown",
  content: (_uri: string, id: string) =>
    Effect.map(Effect.mapError(call("memory.read", { id }), textOf), ({ content }) => content),
})

class UnknownCaller extends Schema.Error<UnknownCaller>("UnknownCaller")({
  ...McpSchema.McpErrorBase.fields,
  _tag: Schema.tag("UnknownCaller"),
  code: Schema.tag(-32_001),
}) {}

type Handler = (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<HttpServerResponse>

export type Method = "POST" | "DELETE"

/** Answers a request of a client whose calls these are. */
export type Endpoint = (
  method: Method,
  request: HttpServerRequest.HttpServerRequest,
  calls: Calls,
) => Effect.Effect<HttpServerResponse, never, Scope.Scope>

/** Makes the endpoint. Its server runs until the scope closes. */
export const make = Effect.gen(function* () {
  const router = yield* HttpRouter.HttpRouter
  const routes = new Map<string, Handler>()
  const callers = new Map<string, Contract["Service"]>()

  /** Keeps the handlers instead of adding them, because ApiRoutes.ts adds the routes with its rules. */
  const keeping = HttpRouter.HttpRouter.of({
    ...router,
    add: (method, _path, handler) => Effect.sync(() => void routes.set(method, handler as Handler)),
  })

  const identified = McpServer.middleware<{ provides: Contract }>()((effect, { headers }) => {
    const contract = callers.get(headers[CALLER] ?? "")
    return contract === undefined
      ? Effect.fail(new UnknownCaller({ message: "the request has no caller" }))
      : Effect.provideService(effect, Contract, contract)
  })

  const registrations = Layer.mergeAll(McpServer.toolkit(kit), transcripts, documents).pipe(
    Layer.provide(identified.layer),
    Layer.provide(handlers),
  )

  yield* Layer.build(
    McpServer.layerHttp({
      name: "causeway",
      version: VERSION,
      instructions: "Talk to the agents of a Causeway gateway, read their sessions, and read and write their memory.",
      path: "/mcp",
      protocols: [McpProtocol.v2026_07_28, McpProtocol.v2025_11_25, McpProtocol.v2025_06_18],
      allowSessionTermination: true,
      allowSubscriptions: false,
      registrations,
    }).pipe(Layer.provide(Layer.succeed(HttpRouter.HttpRouter, keeping))),
  )

  const endpoint: Endpoint = Effect.fnUntraced(function* (method, request, calls) {
    const caller = randomUUID()
    yield* Effect.acquireRelease(
      Effect.sync(() => callers.set(caller, Contract.calling(calls.call))),
      () => Effect.sync(() => callers.delete(caller)),
    )
    // ApiRoutes.ts has checked the page.
    const { origin: _, ...headers } = request.headers
    const identified = request.modify({ headers: HttpHeaders.fromInput({ ...headers, [CALLER]: caller }) })
    return yield* Effect.provideService(
      routes.get(method)!(identified),
      HttpServerRequest.HttpServerRequest,
      identified,
    )
  })
  return endpoint
})
