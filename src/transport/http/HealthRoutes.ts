/**
 * HealthRoutes: the probes of load balancers and supervisors. `/health` answers while the gateway is alive, and `/ready`
 * answers 200 while it takes work. services/system/System.ts determines the health.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { System } from "../../services/system/System.ts"
import * as ApiRoutes from "./ApiRoutes.ts"
import { Pages } from "./Pages.ts"

const alive = Effect.succeed(HttpServerResponse.jsonUnsafe({ ok: true, status: "live" }))

const ready = ({ health }: System["Service"]) =>
  Effect.map(health, ({ checks, state, uptimeMs }) => {
    const failing = checks.flatMap(({ name, problem }) => (problem === null ? [] : [`${name}: ${problem}`]))
    const isReady = state === "healthy"
    return HttpServerResponse.jsonUnsafe(
      { ready: isReady, failing: state === "stopping" ? ["stopping", ...failing] : failing, uptimeMs },
      { status: isReady ? 200 : 503, headers: { "cache-control": "no-store" } },
    )
  })

const routes = ApiRoutes.publicLayer(
  Effect.map(System, (system) => [
    { path: "/health", handle: alive },
    { path: "/healthz", handle: alive },
    { path: "/ready", handle: ready(system) },
    { path: "/readyz", handle: ready(system) },
  ]),
)

const description = Layer.effectDiscard(Effect.flatMap(Pages, ({ describe }) => describe("/health, /ready", "probes")))

export const layer = Layer.merge(routes, description)
