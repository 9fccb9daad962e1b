/**
 * The probes of load balancers and supervisors: the gateway is alive while it answers, and ready while it takes work.
 * services/System.ts determines the health.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { System } from "../../services/system/System.ts"

const alive = Effect.succeed(HttpServerResponse.jsonUnsafe({ ok: true, status: "live" }))

const ready = Effect.gen(function* () {
  const system = yield* System
  return Effect.map(system.health, ({ checks, state, uptimeMs }) => {
    const failing = checks.flatMap(({ name, problem }) => (problem === null ? [] : [`${name}: ${problem}`]))
    const isReady = state === "healthy"
    return HttpServerResponse.jsonUnsafe(
      { ready: isReady, failing: state === "stopping" ? ["stopping", ...failing] : failing, uptimeMs },
      { status: isReady ? 200 : 503, headers: { "cache-control": "no-store" } },
    )
  })
})

export const layer = HttpRouter.use((router) =>
  Effect.flatMap(ready, (ready) =>
    router.addAll([
      HttpRouter.route("GET", "/health", alive),
      HttpRouter.route("GET", "/healthz", alive),
      HttpRouter.route("GET", "/ready", ready),
      HttpRouter.route("GET", "/readyz", ready),
    ]),
  ),
)
