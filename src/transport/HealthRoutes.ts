/**
 * The probes of load balancers and supervisors: alive as long as there is an answer, ready while work would be taken.
 * It knows nothing of how health is found out: that is services/System.ts.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { System } from "../services/System.ts"

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

/** Probes only look: whatever else is tried is told so, as by OpenClaw's own gateway. */
const onlyLooking = Effect.succeed(
  HttpServerResponse.text("Method Not Allowed", { status: 405, headers: { allow: "GET, HEAD" } }),
)

const PATHS = ["/health", "/healthz", "/ready", "/readyz"] as const
const CHANGES = ["POST", "PUT", "PATCH", "DELETE"] as const

export const layer = HttpRouter.use((router) =>
  Effect.flatMap(ready, (ready) =>
    router.addAll([
      HttpRouter.route("GET", "/health", alive),
      HttpRouter.route("GET", "/healthz", alive),
      HttpRouter.route("GET", "/ready", ready),
      HttpRouter.route("GET", "/readyz", ready),
      ...PATHS.flatMap((path) => CHANGES.map((method) => HttpRouter.route(method, path, onlyLooking))),
    ]),
  ),
)
