/**
 * Sse: `GET /events`, the events of the gateway as server-sent events, for browsers' EventSource and for scripts. An event's
 * id is its position, from which a client resumes. docs/http.md describes it. Mounts.ts mounts it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { EventFilter, type Position } from "../../domain/Event.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import { preferred } from "../http/Accept.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import { problem } from "../http/Problem.ts"
import * as ProblemDetails from "../http/ProblemDetails.ts"
import type { StreamType } from "../http/StreamedText.ts"
import { EventStreams } from "./EventStreams.ts"
import { contractItems, positionOf } from "./SseEncoding.ts"

const types: ReadonlyArray<StreamType> = ["text/event-stream", "application/x-ndjson"]

const notAcceptable = problem(406, `events come as ${types.join(" or ")}: send one of them in Accept`)

const decodeFilter = Schema.decodeUnknownEffect(EventFilter)

const invalid = (issue: string): Fault => ({ _tag: "InvalidParams", issue })

/** Reads `topics` (separated by commas, or repeated) and `session`. */
const filterOf = (query: URLSearchParams): Effect.Effect<EventFilter, Fault> => {
  const topics = query.getAll("topics").flatMap((names) => names.split(","))
  const sessionKey = query.get("session")
  return Effect.mapError(
    decodeFilter({ ...(topics.length > 0 && { topics }), ...(sessionKey !== null && { sessionKey }) }),
    Faults.invalidParams,
  )
}

/** Reads the position to resume from. A browser that reconnects repeats its address, so its `Last-Event-ID` wins. */
export const fromOf = ({ query, request }: ApiRoutes.ApiCall): Effect.Effect<Position | undefined, Fault> => {
  const header = request.headers["last-event-id"]
  const [name, id] = header === undefined ? ["after", query.get("after") ?? ""] : ["Last-Event-ID", header]
  if (id === "") return Effect.undefined
  const position = positionOf(id)
  return position === undefined
    ? Effect.fail(invalid(`${name} must be the id of an event, as epoch:number`))
    : Effect.succeed(position)
}

const routes = Effect.gen(function* () {
  const streams = yield* EventStreams

  const handle = Effect.fnUntraced(function* (call: ApiRoutes.ApiCall) {
    const type = preferred(call.request.headers["accept"], types)
    if (type === undefined) return notAcceptable
    const asked = Effect.all([filterOf(call.query), fromOf(call)])
    const [filter, from] = yield* Effect.mapError(asked, (fault) => ProblemDetails.ofFault(fault))
    return yield* streams.open(call, { type, form: contractItems }, filter, from)
  })

  return [{ method: "GET", path: "", isTokenInQuery: true, handle }] satisfies ReadonlyArray<ApiRoutes.ApiRoute>
})

export const layer = ApiRoutes.layer({
  prefix: "/events",
  purpose: "the events (server-sent events)",
  errors: ProblemDetails.form,
  routes,
})
