/**
 * Telemetry: exports spans and log entries by OTLP, if the option `otlp.url` is set. Only then it loads the exporters.
 * Gateway.ts uses it. MetricsExport.ts of the transport exports the metrics.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Logs } from "../logs/Logs.ts"

/** Also replaces the tracer of every layer built on this one. */
export const layer: Layer.Layer<never, never, GatewayConfig | Logs> = Layer.unwrap(
  Effect.gen(function* () {
    const { otlp } = yield* GatewayConfig
    if (otlp.url === undefined) return Layer.empty
    const { layer } = yield* Effect.promise(() => import("./OtlpExport.ts"))
    return layer(otlp)
  }),
)
