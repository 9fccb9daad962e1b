/**
 * Mission Control's HTTP routes: the same resources as over its channels, for those who only want to look. The token and
 * the rule of origins are those of every wire; what is wrong is answered as `{error}`.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Id } from "../../domain/Bounds.ts"
import * as Cors from "../http/Cors.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as HttpAuth from "../http/HttpAuth.ts"
import { PrincipalUsage } from "../connection/PrincipalUsage.ts"
import * as RequestShare from "../http/RequestShare.ts"
import { queryOf } from "../connection/RequestTarget.ts"
import { type Inquiry, failed, map, run } from "../dialect/Query.ts"
import { LocalCalls } from "../kernel/LocalCalls.ts"
import { historyLimit } from "./MessagesIn.ts"
import { problemOf } from "./Problems.ts"
import * as Resources from "./Resources.ts"

/** Of a request: the names in its path, and its query. */
interface Asked {
  readonly params: Readonly<Record<string, string | undefined>>
  readonly query: URLSearchParams
}

interface Route {
  readonly path: HttpRouter.PathInput
  /** As Problems.ts names what may fail. */
  readonly resource: string
  readonly inquire: (asked: Asked) => Inquiry<unknown>
  /** Reads all documents. */
  readonly isLarge?: boolean
}

const isSessionKey = Schema.is(Id)

const history = ({ params, query }: Asked): Inquiry<unknown> => {
  const { key = "" } = params
  if (!isSessionKey(key)) return failed({ _tag: "InvalidParams", issue: "key" })
  return map(Resources.history(key, historyLimit(Number(query.get("limit")))), ({ messages }) => ({ messages }))
}

const routes: ReadonlyArray<Route> = [
  { path: "/api/sessions", resource: "sessions", inquire: Resources.sessions },
  { path: "/api/sessions/:key/history", resource: "session_history", inquire: history },
  {
    path: "/api/status",
    resource: "status",
    inquire: () => map(Resources.status(), ({ status, uptime, version }) => ({ status, uptime, version })),
  },
  { path: "/api/files", resource: "files", inquire: Resources.files, isLarge: true },
  { path: "/api/tasks", resource: "tasks", inquire: Resources.tasks, isLarge: true },
  { path: "/api/memories", resource: "memories", inquire: Resources.memories, isLarge: true },
]

/** Lists of whole documents that are made at once: each takes some times its size until it is text. */
const ANSWERS_AT_ONCE = 2

const statusOf = (fault: Fault): number => {
  switch (fault._tag) {
    case "InvalidParams":
      return 400
    case "Denied":
      return 403
    case "Domain":
      return fault.error._tag === "SessionNotFound" ? 404 : 503
    case "Limited":
      return 429
    default:
      return 500
  }
}

const answer = Effect.gen(function* () {
  const { call } = yield* LocalCalls
  const access = yield* HttpAuth.make
  const usages = yield* PrincipalUsage
  const makers = yield* Semaphore.make(ANSWERS_AT_ONCE)

  return ({ inquire, isLarge = false, resource }: Route) =>
    Effect.fnUntraced(function* (request: HttpServerRequest) {
      const params = yield* HttpRouter.params
      const { principal } = yield* access(request)
      const query = queryOf(request.originalUrl)
      const as = { id: "http", dialect: "http", principal }
      const answer = Effect.match(
        run(inquire({ params, query }), (method, params) => call(as, method, params)),
        {
          onFailure: (fault) => HttpAuth.problem(statusOf(fault), problemOf(resource, fault)),
          onSuccess: (payload) => HttpServerResponse.jsonUnsafe(payload, { headers: { "cache-control": "no-store" } }),
        },
      )
      const usage = usages.of(principal)
      // An answer counts once it is made, so only a few are made at once.
      const made = isLarge ? makers.withPermits(1)(RequestShare.roomFor(usage, answer)) : answer
      return yield* RequestShare.within(usage, request, 0, made)
    })
})

export const layer = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const answerTo = yield* answer
    for (const route of routes) {
      const respond = answerTo(route)
      yield* Cors.add(router, "GET", route.path, (request) =>
        Effect.catch(respond(request), (refusal) => Effect.succeed(refusal)),
      )
    }
  }),
)
