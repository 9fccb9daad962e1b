/**
 * Rest: the contract over plain HTTP. `POST /api/rpc/<method>` takes the payload as JSON and returns the result as JSON; a
 * streaming method returns NDJSON or SSE. A client that leaves interrupts its call. docs/http.md describes it, and
 * OpenApiRoutes.ts the methods. Mounts.ts mounts it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { METHOD_CHARS } from "../../domain/Bounds.ts"
import { didYouMean } from "../../domain/Suggestions.ts"
import { SUBSCRIBE } from "../dialect/DialectMethod.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import { decodeSubscription, type MethodCodec, methodCodecs } from "../dialect/MethodCodecs.ts"
import { preferred } from "../http/Accept.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import { problem } from "../http/Problem.ts"
import * as RequestBody from "../http/RequestBody.ts"
import { ContractCalls } from "../kernel/ContractCalls.ts"
import * as ProblemDetails from "../http/ProblemDetails.ts"
import { EventStreams } from "../sse/EventStreams.ts"
import { contractItems } from "../sse/SseEncoding.ts"
import * as ResultStream from "./ResultStream.ts"

export const PREFIX = "/api/rpc"

/** Each request authenticates by itself, so the method that authenticates a connection has no route. */
export const restMethods: ReadonlyMap<string, MethodCodec> = new Map(
  [...methodCodecs].filter(([name]) => name !== "authenticate"),
)

const unknownMethod = (method: string) => {
  if (method.length > METHOD_CHARS) return problem(404, `a method name has ${METHOD_CHARS} characters at most`)
  const hint = didYouMean(method, restMethods.keys()) ?? "GET /api/openapi.json lists the methods"
  return ProblemDetails.ofFault({ _tag: "UnknownMethod", method }, `unknown method "${method}". ${hint}`)
}

const notAcceptable = (offers: ReadonlyArray<string>) =>
  problem(406, `the method answers with ${offers.join(" or ")}: send one of them in Accept`)

const readJson = RequestBody.json(Schema.Unknown)

/** Returns the payload. A request without a body has an empty one. */
const payloadOf = (call: ApiRoutes.ApiCall) =>
  RequestBody.isPresent(call.request) ? readJson(call) : Effect.succeed({})

const JSON_TYPES = ["application/json"] as const

const refuse = (fault: Fault) => ProblemDetails.ofFault(fault)

const routes = Effect.gen(function* () {
  const calls = yield* ContractCalls
  const streams = yield* EventStreams

  const subscribe = Effect.fnUntraced(function* (api: ApiRoutes.ApiCall) {
    const view = preferred(api.request.headers["accept"], ResultStream.streamTypes)
    if (view === undefined) return notAcceptable(ResultStream.streamTypes)
    const decoded = Effect.mapError(decodeSubscription(yield* payloadOf(api)), Faults.invalidParams)
    const { from, ...filter } = yield* Effect.mapError(decoded, refuse)
    return yield* streams.open(api, { type: view, form: contractItems }, filter, from)
  })

  const handle = Effect.fnUntraced(function* (api: ApiRoutes.ApiCall) {
    const { caller, params, request } = api
    const name = params["method"] ?? ""
    const codec = restMethods.get(name)
    if (codec === undefined) return unknownMethod(name)
    const { call, stream } = calls.ofCaller({ id: "http", dialect: "rest", principal: caller.principal })
    const { accept } = request.headers
    if (name === SUBSCRIBE) return yield* subscribe(api)
    if (codec.streams) {
      const type = preferred(accept, ResultStream.streamTypes)
      if (type === undefined) return notAcceptable(ResultStream.streamTypes)
      const payload = yield* payloadOf(api)
      return yield* Effect.mapError(ResultStream.make(type, stream(name, payload)), refuse)
    }
    if (preferred(accept, JSON_TYPES) === undefined) return notAcceptable(JSON_TYPES)
    const result = yield* Effect.mapError(call(name, yield* payloadOf(api)), refuse)
    return HttpServerResponse.jsonUnsafe(result ?? null, { headers: { "cache-control": "no-store" } })
  })

  return [{ method: "POST", path: "/:method", handle }] satisfies ReadonlyArray<ApiRoutes.ApiRoute>
})

export const layer = ApiRoutes.layer({
  prefix: PREFIX,
  purpose: "every method (HTTP); /api/docs describes them",
  errors: ProblemDetails.form,
  routes,
})
