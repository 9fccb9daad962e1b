/**
 * Mcp: the route `/mcp`, by which other agents use the gateway as an MCP server (streamable HTTP). Mounts.ts mounts it.
 * docs/mcp.md describes it.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Scope from "effect/Scope"
import * as Loaded from "../../domain/Loaded.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import { ContractCalls } from "../kernel/ContractCalls.ts"
import { form } from "./McpErrors.ts"
import type { Method } from "./McpEndpoint.ts"

const routes = Effect.gen(function* () {
  const contract = yield* ContractCalls
  const router = yield* HttpRouter.HttpRouter
  const scope = yield* Scope.Scope
  const endpoint = yield* Loaded.once(
    Effect.promise(() => import("./McpEndpoint.ts")).pipe(
      Effect.flatMap(({ make }) => make),
      Effect.provideService(HttpRouter.HttpRouter, router),
      Effect.provideService(Scope.Scope, scope),
      Effect.orDie,
    ),
  )
  const route = (method: Method): ApiRoutes.ApiRoute => ({
    method,
    path: "",
    handle: Effect.fnUntraced(function* (api) {
      const calls = contract.ofCaller({ id: "http", dialect: "mcp", principal: api.caller.principal })
      return yield* (yield* endpoint)(method, api, calls)
    }),
  })
  return [route("POST"), route("DELETE")]
})

export const layer = ApiRoutes.layer({
  prefix: "/mcp",
  purpose: "the gateway as an MCP server (HTTP)",
  scope: "operator.read",
  errors: form,
  pageHeaders: {
    sent: ["mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id"],
    read: ["mcp-protocol-version", "mcp-session-id"],
  },
  routes,
})
