/**
 * FallbackRoute: answers HTTP requests that no route takes. In this order: 426 at a WebSocket path, 405 with `Allow` at a
 * path with other methods, a page that a Layer added (OpenClaw's Control UI), the welcome text at `/`, 404.
 * GatewayServer.ts calls it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { isHttpServerError, type HttpServerError, type RouteNotFound } from "effect/http/HttpServerError"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { pathOf } from "../connection/RequestTarget.ts"
import { WireRegistry } from "../connection/WireRegistry.ts"
import { type ErrorForm, inForm, problem } from "./Problem.ts"

export const isRouteNotFound = (error: unknown): error is HttpServerError & { readonly reason: RouteNotFound } =>
  isHttpServerError(error) && error.reason._tag === "RouteNotFound"

/** Answers GET and HEAD where no route does, or returns `undefined` if it has no page at the path. */
export type Page = (request: HttpServerRequest) => Effect.Effect<HttpServerResponse.HttpServerResponse | undefined>

const isRead = (method: string): boolean => method === "GET" || method === "HEAD"

const upgradeRequired = problem(426, "this path requires a WebSocket upgrade", {
  upgrade: "websocket",
  connection: "Upgrade",
})

const notFound = problem(404, "not found")

const wrongMethod = (method: string, allowed: ReadonlyArray<string>) =>
  problem(405, `${method} is not allowed here`, { allow: allowed.join(", ") })

const welcome = (basePath: string, path: string) => {
  const row = (path: string, text: string) => `  ${(basePath + path).padEnd(20)}  ${text}\n`
  return HttpServerResponse.text(
    "This is a Causeway gateway. It serves programs rather than browsers:\n\n" +
      row("/rpc", "the typed client (WebSocket)") +
      row(path, "JSON-RPC 2.0 or Mission Control (WebSocket)") +
      row("/jsonrpc", "JSON-RPC 2.0 (WebSocket, and POST)") +
      row("/", "OpenClaw's protocol (WebSocket)") +
      row("/api/rpc/...", "every method (HTTP); /api/docs describes them") +
      row("/events", "the events (server-sent events)") +
      row("/api/...", "Mission Control (HTTP)") +
      row("/health, /ready", "probes") +
      '\nTalk to it from a terminal: causeway send "hello"\n',
  )
}

export class FallbackRoute extends Context.Service<
  FallbackRoute,
  {
    /** Adds a page until the scope closes. The first page that answers wins. */
    add(page: Page): Effect.Effect<void, never, Scope.Scope>
    /** Writes the errors at the paths below the prefix in the form, until the scope closes. */
    addForm(prefix: string, form: ErrorForm): Effect.Effect<void, never, Scope.Scope>
    /** `methods`: those that routes have at the request's path. */
    answer(
      request: HttpServerRequest,
      methods: ReadonlyArray<string>,
    ): Effect.Effect<HttpServerResponse.HttpServerResponse>
  }
>()("causeway/transport/http/FallbackRoute") {
  static readonly layer: Layer.Layer<FallbackRoute, never, GatewayConfig | WireRegistry> = Layer.effect(
    FallbackRoute,
    Effect.gen(function* () {
      const { basePath, path } = yield* GatewayConfig
      const wires = yield* WireRegistry
      const pages = new Set<Page>()
      const forms = new Map<string, ErrorForm>()
      const home = welcome(basePath, path)

      const answer = Effect.fnUntraced(function* (request: HttpServerRequest, routed: ReadonlyArray<string>) {
        const { method, url } = request
        const target = pathOf(url)
        const hasWire = wires.isMounted(target)
        if (hasWire && method === "GET") return upgradeRequired
        const allowed = hasWire ? [...new Set(["GET", ...routed])].toSorted() : routed
        if (allowed.length > 0) return wrongMethod(method, allowed)
        if (!isRead(method)) return notFound
        for (const page of pages) {
          const found = yield* page(request)
          if (found !== undefined) return found
        }
        return target === "/" ? home : notFound
      })

      const formAt = (path: string): ErrorForm | undefined => {
        for (const [prefix, form] of forms) if (path === prefix || path.startsWith(`${prefix}/`)) return form
        return undefined
      }

      return FallbackRoute.of({
        add: (page) =>
          Effect.acquireRelease(
            Effect.sync(() => pages.add(page)),
            () => Effect.sync(() => pages.delete(page)),
          ),
        addForm: (prefix, form) =>
          Effect.acquireRelease(
            Effect.sync(() => forms.set(prefix, form)),
            () => Effect.sync(() => forms.delete(prefix)),
          ),
        answer: (request, methods) =>
          Effect.map(answer(request, methods), (response) => inForm(formAt(pathOf(request.url)), response)),
      })
    }),
  )
}
