/**
 * MetricsExport: exports the figures by OTLP. Metrics.ts loads it if the option `otlp.url` is set.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as OtlpMetrics from "effect/observability/OtlpMetrics"
import type { OtlpSettings } from "../../domain/OtlpSettings.ts"
import * as OtlpEndpoint from "../../services/telemetry/OtlpEndpoint.ts"
import { type Figure, registryOf } from "./Figures.ts"

type Registered = Metric.MetricRegistry extends Map<string, infer M> ? M : never

/** A registry whose metrics are read when the exporter asks for them. */
class LiveRegistry extends Map<string, Registered> {
  readonly #figures: Effect.Effect<ReadonlyArray<Figure>>

  constructor(figures: Effect.Effect<ReadonlyArray<Figure>>) {
    super()
    this.#figures = figures
  }

  override values() {
    return registryOf(Effect.runSync(this.#figures)).values()
  }
}

/** Exports until the scope closes. */
export const start = Effect.fnUntraced(function* (otlp: OtlpSettings, figures: Effect.Effect<ReadonlyArray<Figure>>) {
  const { maxBatchSize: _, ...endpoint } = OtlpEndpoint.of(otlp, "metrics")
  const exporting = OtlpMetrics.make({ ...endpoint, resource: OtlpEndpoint.resource })
  yield* Layer.build(Layer.provide(Layer.effectDiscard(exporting), OtlpEndpoint.services)).pipe(
    Effect.provideService(Metric.MetricRegistry, new LiveRegistry(figures)),
  )
})
