/**
 * FallbackRoute: answers HTTP requests that no route takes. In this order: 426 at a WebSocket path, 405 with `Allow` at a
 * path with other methods, a page of Pages.ts, 404. GatewayServer.ts calls it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { isHttpServerError, type HttpServerError, type RouteNotFound } from "effect/http/HttpServerError"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import { pathOf } from "../connection/RequestTarget.ts"
import { WireRegistry } from "../connection/WireRegistry.ts"
import { Pages } from "./Pages.ts"
import { type ErrorForm, inForm, problem } from "./Problem.ts"

export const isRouteNotFound = (error: unknown): error is HttpServerError & { readonly reason: RouteNotFound } =>
  isHttpServerError(error) && error.reason._tag === "RouteNotFound"

const isRead = (method: string): boolean => method === "GET" || method === "HEAD"

const upgradeRequired = problem(426, "this path requires a WebSocket upgrade", {
  upgrade: "websocket",
  connection: "Upgrade",
})

const notFound = problem(404, "not found")

const wrongMethod = (method: string, allowed: ReadonlyArray<string>) =>
  problem(405, `${method} is not allowed here`, { allow: allowed.join(", ") })

export class FallbackRoute extends Context.Service<
  FallbackRoute,
  {
    /** Writes the errors at the paths below the prefix in the form, until the scope closes. */
    addForm(prefix: string, form: ErrorForm): Effect.Effect<void, never, Scope.Scope>
    /** `methods`: those that routes have at the request's path. */
    answer(
      request: HttpServerRequest,
      methods: ReadonlyArray<string>,
    ): Effect.Effect<HttpServerResponse.HttpServerResponse>
  }
>()("causeway/transport/http/FallbackRoute") {
  static readonly layer: Layer.Layer<FallbackRoute, never, Pages | WireRegistry> = Layer.effect(
    FallbackRoute,
    Effect.gen(function* () {
      const wires = yield* WireRegistry
      const pages = yield* Pages
      const forms = new Map<string, ErrorForm>()

      const answer = Effect.fnUntraced(function* (request: HttpServerRequest, routed: ReadonlyArray<string>) {
        const { method, url } = request
        const target = pathOf(url)
        const hasWire = wires.isMounted(target)
        if (hasWire && method === "GET") return upgradeRequired
        const allowed = hasWire ? [...new Set(["GET", ...routed])].toSorted() : routed
        if (allowed.length > 0) return wrongMethod(method, allowed)
        if (!isRead(method)) return notFound
        return (yield* pages.find(request)) ?? notFound
      })

      const formAt = (path: string): ErrorForm | undefined => {
        for (const [prefix, form] of forms) if (path === prefix || path.startsWith(`${prefix}/`)) return form
        return undefined
      }

      return FallbackRoute.of({
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
