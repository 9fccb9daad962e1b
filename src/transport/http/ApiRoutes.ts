/**
 * ApiRoutes: a family of HTTP routes under one prefix, as a Layer that adds itself to the router. It carries the rules that
 * all families share: token and scope, page origin and CORS, the principal's limits, the bound of bodies, error bodies.
 *
 * FallbackRoute.ts answers 405 with `Allow` for methods that no route has. The routes of the dialects are families, and an
 * embedding program adds its own. `publicLayer` adds routes without these rules, such as the health probes.
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Limits } from "../../domain/Limits.ts"
import { grants, type Scope as OperatorScope } from "../../domain/Principal.ts"
import * as Trace from "../../services/traces/Trace.ts"
import { PrincipalUsage, type Usage } from "../connection/PrincipalUsage.ts"
import { queryOf } from "../connection/RequestTarget.ts"
import * as HttpAuth from "./HttpAuth.ts"
import { FallbackRoute } from "./FallbackRoute.ts"
import { type ErrorForm, inForm, problem } from "./Problem.ts"
import * as RequestBody from "./RequestBody.ts"
import { Pages } from "./Pages.ts"
import * as RequestShare from "./RequestShare.ts"

/** An authenticated request within the limits of its principal. */
export interface ApiCall {
  readonly request: HttpServerRequest
  readonly caller: HttpAuth.Caller
  /** Segments of the path by name: `key` of `/sessions/:key`. */
  readonly params: Readonly<Record<string, string | undefined>>
  readonly query: URLSearchParams
  readonly limits: Limits
  /** The current usage of the principal, for large responses. */
  readonly usage: Usage
  /** Ends the count of this request among those in progress, for a response that lasts as long as its client. */
  readonly release: () => void
}

type Response = HttpServerResponse.HttpServerResponse
type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE"

export interface ApiRoute {
  readonly method: Method
  /** Path below the prefix, e.g. `/sessions/:key`. Empty for the prefix itself. */
  readonly path: "" | `/${string}`
  /** Scope that the caller needs. Default: the scope of the family. */
  readonly scope?: OperatorScope
  /** Whether the token may be in the query, because browsers cannot set the headers of such a request. Default: false. */
  readonly isTokenInQuery?: boolean
  /**
   * Returns the response. A failure is an error response, e.g. `HttpAuth.problem(404, "no such session")`. The scope closes
   * when the client has the whole response, or has left.
   */
  readonly handle: (call: ApiCall) => Effect.Effect<Response, Response, Scope.Scope>
}

export interface ApiFamily<E, R, RA> {
  readonly prefix: `/${string}`
  /** A name for people, e.g. `Mission Control (HTTP)`. The page of the root lists it. */
  readonly purpose?: string
  /** Scope that callers need. Without one, any valid token will do. */
  readonly scope?: OperatorScope
  /** Authenticates each request. Default: by the gateway's token. */
  readonly access?: Effect.Effect<HttpAuth.Access, never, RA>
  /** The form of all error responses below the prefix. Default: the body `{ error }`. */
  readonly errors?: ErrorForm
  readonly pageHeaders?: PageHeaders
  /** Most bytes of a body. Default: the option `frameBytes`. */
  readonly bodyBytes?: number
  /** The routes, or an effect that makes them with the services that they use. */
  readonly routes: ReadonlyArray<ApiRoute> | Effect.Effect<ReadonlyArray<ApiRoute>, E, R>
}

/** Headers of a family, beside those that all families have, for pages of allowed origins. */
export interface PageHeaders {
  /** Headers that a page may send. */
  readonly sent: ReadonlyArray<string>
  /** Headers of responses that a page may read. */
  readonly read: ReadonlyArray<string>
}

/** The headers that a page may send to every family. */
const SENT_HEADERS = ["authorization", "content-type", "last-event-id", "traceparent"]

/** How long a browser may remember the answer to a preflight. */
const MAX_AGE_SECONDS = 600

const internalError = problem(500, "internal error")

/** Bytes of the body that count towards the principal's limits. A chunked body may have any length up to the bound. */
const declaredBytes = ({ headers }: HttpServerRequest, bound: number): number => {
  const length = headers["content-length"]
  if (length !== undefined) return Number(length) || 0
  return headers["transfer-encoding"] === undefined ? 0 : bound
}

/** Turns failures into their responses, and bugs into 500 with a line in the log. */
const answered = <R>(response: Effect.Effect<Response, Response, R>): Effect.Effect<Response, never, R> =>
  response.pipe(
    Effect.catch(Effect.succeed),
    Effect.catchDefect((bug) => Effect.as(Effect.logError("an HTTP route failed", bug), internalError)),
  )

/** Adds routes that pages of allowed origins may call, and the answers to their preflights. */
const addForPages = Effect.fnUntraced(function* (
  router: HttpRouter.HttpRouter,
  path: HttpRouter.PathInput,
  handlers: ReadonlyMap<Method, (request: HttpServerRequest) => Effect.Effect<Response, never, HttpRouter.Provided>>,
  { read, sent }: PageHeaders = { sent: [], read: [] },
) {
  const isAllowed = yield* HttpAuth.pages
  const cors = HttpMiddleware.cors({
    // `isAllowed` has checked the page. Requests of other clients have no origin.
    allowedOrigins: (origin: string | undefined) => origin !== undefined,
    allowedMethods: [...handlers.keys()],
    allowedHeaders: [...SENT_HEADERS, ...sent],
    exposedHeaders: [...read],
    maxAge: MAX_AGE_SECONDS,
  })
  for (const [method, handle] of handlers) {
    yield* router.add(method, path, (request) => (isAllowed(request) ? cors(handle(request)) : handle(request)))
  }
  yield* router.add("OPTIONS", path, (request) =>
    isAllowed(request) ? cors(Effect.succeed(HttpServerResponse.empty())) : Effect.succeed(HttpAuth.foreign),
  )
})

/** Adds the family to the router. Every request needs a valid token and, from a page, an allowed origin. */
export const layer = <E = never, R = never, RA = never>(family: ApiFamily<E, R, RA>) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const { limits } = yield* GatewayConfig
      const access = yield* family.access ?? HttpAuth.make
      const usages = yield* PrincipalUsage
      const routes = Effect.isEffect(family.routes) ? yield* family.routes : family.routes
      const bound = family.bodyBytes ?? limits.frameBytes
      const bodyLimit = ByteSize.fromInputUnsafe(bound)

      const handlerOf = ({ handle, isTokenInQuery, scope = family.scope }: ApiRoute) => {
        const respond = Effect.fnUntraced(function* (request: HttpServerRequest) {
          const params = yield* HttpRouter.params
          const caller = yield* access(request, isTokenInQuery)
          if (scope !== undefined && !grants(caller.principal.scopes, scope)) {
            return problem(403, `the scope ${scope} is needed`)
          }
          const size = declaredBytes(request, bound)
          if (size > bound) return RequestBody.tooBig
          const usage = usages.of(caller.principal)
          const query = queryOf(request.originalUrl)
          return yield* RequestShare.within(usage, request, size, (release) =>
            Trace.within(
              handle({ request, caller, params, query, limits, usage, release }),
              request.headers["traceparent"],
            ),
          )
        })
        return (request: HttpServerRequest) =>
          answered(respond(request)).pipe(
            Effect.map((response) => inForm(family.errors, response)),
            Effect.provideService(HttpIncomingMessage.MaxBodySize, bodyLimit),
          )
      }

      if (family.purpose !== undefined) {
        const path = routes.some(({ path }) => path !== "") ? `${family.prefix}/...` : family.prefix
        yield* (yield* Pages).describe(path, family.purpose)
      }
      if (family.errors !== undefined) {
        const fallback = yield* FallbackRoute
        yield* fallback.addForm(family.prefix, family.errors)
      }
      const byPath = Map.groupBy(routes, ({ path }) => path)
      for (const [path, group] of byPath) {
        const handlers = new Map(group.map((route) => [route.method, handlerOf(route)]))
        yield* addForPages(router, `${family.prefix}${path}`, handlers, family.pageHeaders)
      }
    }),
  )

export interface PublicRoute {
  /** The whole path. */
  readonly path: `/${string}`
  readonly handle: Effect.Effect<Response, Response>
}

/** Adds read-only routes that need no token and that pages of other origins cannot read, e.g. probes. */
export const publicLayer = <E = never, R = never>(routes: Effect.Effect<ReadonlyArray<PublicRoute>, E, R>) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      for (const { handle, path } of yield* routes) yield* router.add("GET", path, answered(handle))
    }),
  )
