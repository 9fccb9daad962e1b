/**
 * OpenAi: the routes of OpenAI's API under `/v1`, for programs that can talk to a model: each agent is a model. Mounts.ts
 * mounts it. docs/openai.md describes what is supported.
 */
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import { Contract } from "../dialect/Query.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import { type Calls, ContractCalls } from "../kernel/ContractCalls.ts"
import * as ChatCompletions from "./ChatCompletions.ts"
import { form } from "./Errors.ts"
import * as Models from "./Models.ts"
import * as ResponseRetention from "./ResponseRetention.ts"
import * as Responses from "./Responses.ts"

type Response = HttpServerResponse.HttpServerResponse

const json = (value: object) => HttpServerResponse.jsonUnsafe(value, { headers: { "cache-control": "no-store" } })

const routes = Effect.gen(function* () {
  const contract = yield* ContractCalls
  const complete = yield* ChatCompletions.make
  const respond = yield* Responses.make

  /** Runs the handler with the calls of the client. */
  const handle =
    <R>(handler: (api: ApiRoutes.ApiCall, calls: Calls) => Effect.Effect<Response, Response, R | Contract>) =>
    (api: ApiRoutes.ApiCall) => {
      const calls = contract.ofCaller({ id: "http", dialect: "openai", principal: api.caller.principal })
      return Effect.provideService(handler(api, calls), Contract, Contract.calling(calls.call))
    }

  const list = handle(() =>
    Effect.map(Models.all, ({ agents }) => json({ object: "list", data: agents.map(Models.modelOf) })),
  )
  const get = handle(({ params }) =>
    Effect.map(Models.find([params["prefix"], params["id"]].filter(Boolean).join("/")), (agent) =>
      json(Models.modelOf(agent)),
    ),
  )
  const read = { method: "GET", scope: "operator.read" } as const
  return [
    { ...read, path: "/models", handle: list },
    { ...read, path: "/models/:id", handle: get },
    { ...read, path: "/models/:prefix/:id", handle: get },
    { method: "POST", path: "/chat/completions", handle: handle(complete) },
    { method: "POST", path: "/responses", handle: handle(respond) },
  ] satisfies ReadonlyArray<ApiRoutes.ApiRoute>
})

export const layer = Layer.merge(
  ApiRoutes.layer({
    prefix: "/v1",
    purpose: "agents as the models of OpenAI's API (HTTP)",
    scope: "operator.write",
    errors: form,
    routes,
  }),
  ResponseRetention.layer,
)
