/**
 * FleetRoutes: the HTTP routes of programs that show a fleet of agents: cards, logs, commands and events. docs/fleet.md
 * describes them. Mounts.ts mounts it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { PAGE_ROWS } from "../../domain/Bounds.ts"
import { FleetCommand } from "../../domain/Fleet.ts"
import { call, Contract, type Query } from "../dialect/Query.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import { problem } from "../http/Problem.ts"
import * as ProblemDetails from "../http/ProblemDetails.ts"
import * as RequestBody from "../http/RequestBody.ts"
import { ContractCalls } from "../kernel/ContractCalls.ts"
import { EventStreams } from "../sse/EventStreams.ts"
import { fromOf } from "../sse/Sse.ts"
import { fleetForm } from "./FleetStream.ts"
import { cardView, logView } from "./FleetViews.ts"

const readBody = RequestBody.json(Schema.Struct({ message: Schema.optionalKey(Schema.String) }))

/** Returns the number of rows that the query asks for, within the bound of the contract. */
const limitOf = (query: URLSearchParams) => {
  const limit = Math.floor(Number(query.get("limit")))
  return limit >= 1 ? { limit: Math.min(limit, PAGE_ROWS) } : {}
}

const isCommand = Schema.is(FleetCommand)

const unknownCommand = problem(404, `a command is one of ${FleetCommand.literals.join(", ")}`)

const routes = Effect.gen(function* () {
  const calls = yield* ContractCalls
  const streams = yield* EventStreams

  /** Streams the fleet as server-sent events, whatever the client accepts. */
  const stream = Effect.fnUntraced(function* (api: ApiRoutes.ApiCall) {
    const from = yield* Effect.mapError(fromOf(api), (fault) => ProblemDetails.ofFault(fault))
    const view = { type: "text/event-stream", form: fleetForm } as const
    return yield* streams.open(api, view, { topics: ["fleet"] }, from)
  })

  const respond = ({ caller: { principal } }: ApiRoutes.ApiCall, query: Query<unknown>) => {
    const { call } = calls.ofCaller({ id: "http", dialect: "http", principal })
    return Effect.match(Effect.provideService(query, Contract, Contract.calling(call)), {
      onFailure: (fault) => ProblemDetails.ofFault(fault),
      onSuccess: (value) => HttpServerResponse.jsonUnsafe(value, { headers: { "cache-control": "no-store" } }),
    })
  }

  const command = Effect.fnUntraced(function* (api: ApiRoutes.ApiCall) {
    const { command, id = "" } = api.params
    if (!isCommand(command)) return unknownCommand
    const body = RequestBody.isPresent(api.request) ? yield* readBody(api) : {}
    return yield* respond(
      api,
      Effect.map(call("fleet.command", { id, command, ...body }), (carried) => ({ ok: true, ...carried })),
    )
  })

  return [
    {
      method: "GET",
      path: "/agents",
      handle: (api) =>
        respond(
          api,
          Effect.zipWith(call("fleet.list", {}), Clock.currentTimeMillis, ({ cards }, now) =>
            cards.map((card) => cardView(card, now)),
          ),
        ),
    },
    {
      method: "GET",
      path: "/agents/:id",
      handle: (api) =>
        respond(
          api,
          Effect.zipWith(call("fleet.get", { id: api.params["id"] ?? "" }), Clock.currentTimeMillis, cardView),
        ),
    },
    {
      method: "GET",
      path: "/logs/:id",
      handle: (api) =>
        respond(
          api,
          Effect.map(
            call("fleet.transcript", { id: api.params["id"] ?? "", ...limitOf(api.query) }),
            ({ entries, sessionKey }) => ({ sessionKey, logs: entries.map(logView) }),
          ),
        ),
    },
    { method: "GET", path: "/events", isTokenInQuery: true, handle: stream },
    { method: "POST", path: "/command/:command/:id", handle: command },
  ] satisfies ReadonlyArray<ApiRoutes.ApiRoute>
})

export const layer = ApiRoutes.layer({ prefix: "/api", purpose: "the fleet (HTTP)", routes })
