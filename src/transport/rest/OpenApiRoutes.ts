/**
 * OpenApiRoutes: serves the description of Rest.ts at `/api/openapi.json`, and as a page at `/api/docs`. Both are public:
 * they say what the published package says. Mounts.ts mounts it.
 */
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import { openApi } from "./OpenApi.ts"
import { openApiPage, POLICY } from "./OpenApiPage.ts"

/** Makes a response at its first request: rendering all schemas takes some milliseconds. */
const once = (make: () => HttpServerResponse.HttpServerResponse) => {
  let response: HttpServerResponse.HttpServerResponse | undefined
  return Effect.sync(() => (response ??= make()))
}

export const layer = ApiRoutes.publicLayer(
  Effect.map(GatewayConfig, ({ basePath }) => [
    { path: "/api/openapi.json", handle: once(() => HttpServerResponse.jsonUnsafe(openApi(basePath))) },
    {
      path: "/api/docs",
      handle: once(() =>
        HttpServerResponse.text(openApiPage(basePath), {
          contentType: "text/html; charset=utf-8",
          headers: { "content-security-policy": POLICY, "x-frame-options": "DENY" },
        }),
      ),
    },
  ]),
)
