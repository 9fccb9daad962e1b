/**
 * Routes: Mission Control's HTTP routes, for programs that read the resources of its channels without a WebSocket. The
 * error texts are those of Problems.ts.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Id } from "../../domain/Bounds.ts"
import type { Fault } from "../dialect/Fault.ts"
import { Contract, fail, type Query } from "../dialect/Query.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import * as HttpAuth from "../http/HttpAuth.ts"
import * as RequestShare from "../http/RequestShare.ts"
import { ContractCalls } from "../kernel/ContractCalls.ts"
import { historyLimit } from "./MessagesIn.ts"
import { problemOf } from "./Problems.ts"
import * as Resources from "./Resources.ts"

type RequestFacts = Pick<ApiRoutes.ApiCall, "params" | "query">

interface ResourceRoute {
  /** Path below `/api`. */
  readonly path: `/${string}`
  /** Name of the resource in error texts, see Problems.ts. */
  readonly resource: string
  readonly read: (request: RequestFacts) => Query<unknown>
  /** The response holds whole documents. */
  readonly isLarge?: boolean
}

const isSessionKey = Schema.is(Id)

const history = ({ params, query }: RequestFacts): Query<unknown> => {
  const { key = "" } = params
  if (!isSessionKey(key)) return fail({ _tag: "InvalidParams", issue: "key" })
  return Effect.map(Resources.history(key, historyLimit(Number(query.get("limit")))), ({ messages }) => ({ messages }))
}

const resources: ReadonlyArray<ResourceRoute> = [
  { path: "/sessions", resource: "sessions", read: Resources.sessions },
  { path: "/sessions/:key/history", resource: "session_history", read: history },
  {
    path: "/status",
    resource: "status",
    read: () => Effect.map(Resources.status(), ({ status, uptime, version }) => ({ status, uptime, version })),
  },
  { path: "/files", resource: "files", read: Resources.files, isLarge: true },
  { path: "/tasks", resource: "tasks", read: Resources.tasks, isLarge: true },
  { path: "/memories", resource: "memories", read: Resources.memories, isLarge: true },
]

/**
 * The limit of large responses that the gateway encodes at the same time. Each takes a multiple of its size in memory.
 */
const LARGE_RESPONSES = 2

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

const routes = Effect.gen(function* () {
  const calls = yield* ContractCalls
  const large = yield* Semaphore.make(LARGE_RESPONSES)

  return resources.map(({ isLarge = false, path, read, resource }): ApiRoutes.ApiRoute => {
    const handle = ({ caller: { principal }, params, query, usage }: ApiRoutes.ApiCall) => {
      const { call } = calls.ofCaller({ id: "http", dialect: "http", principal })
      const response = Effect.match(Effect.provideService(read({ params, query }), Contract, Contract.calling(call)), {
        onFailure: (fault) => HttpAuth.problem(statusOf(fault), problemOf(resource, fault)),
        onSuccess: (payload) => HttpServerResponse.jsonUnsafe(payload, { headers: { "cache-control": "no-store" } }),
      })
      // A response counts towards the principal's limits only once it is encoded.
      return isLarge ? large.withPermits(1)(RequestShare.roomFor(usage, response)) : response
    }
    return { method: "GET", path, handle }
  })
})

export const layer = ApiRoutes.layer({ prefix: "/api", purpose: "Mission Control (HTTP)", routes })
