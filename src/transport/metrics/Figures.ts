/**
 * Figures: the values of a scrape, as Effect's metrics. Metrics.ts makes them.
 */
import * as Metric from "effect/Metric"
import type { Histogram } from "../../domain/Histogram.ts"

type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly value: number
  readonly labels?: Labels
}

interface Times {
  readonly times: Histogram
  readonly labels: Labels
}

/** A figure with its values. Counters only grow, and their names end with `_total`. */
export type Figure = { readonly name: string; readonly help: string } & (
  | { readonly type: "Counter" | "Gauge"; readonly samples: ReadonlyArray<Sample> }
  | { readonly type: "Histogram"; readonly samples: ReadonlyArray<Times> }
)

export const gauge = (name: string, help: string, ...samples: ReadonlyArray<Sample>): Figure => ({
  type: "Gauge",
  name: `causeway_${name}`,
  help,
  samples,
})

export const counter = (name: string, help: string, ...samples: ReadonlyArray<Sample>): Figure => ({
  type: "Counter",
  name: `causeway_${name}_total`,
  help,
  samples,
})

export const histogram = (name: string, help: string, ...samples: ReadonlyArray<Times>): Figure => ({
  type: "Histogram",
  name: `causeway_${name}_seconds`,
  help,
  samples,
})

/** Returns a sample for each entry, with its name as the label. */
export const labelled = (label: string, counts: ReadonlyMap<string, number>): ReadonlyArray<Sample> =>
  Array.from(counts, ([name, value]) => ({ value, labels: { [label]: name } }))

const stateOf = (type: Figure["type"], sample: Sample | Times) => {
  if ("times" in sample) {
    const { count, max, min, sum } = sample.times
    return { buckets: sample.times.buckets(), count, min, max, sum }
  }
  return type === "Counter" ? { count: sample.value, incremental: true } : { value: sample.value }
}

const ignore = () => {}

/** Returns a registry of the figures. It is their own: two gateways of one process must not add up. */
export const registryOf = (figures: ReadonlyArray<Figure>): Metric.MetricRegistry => {
  const registry: Metric.MetricRegistry = new Map()
  for (const { help, name, samples, type } of figures) {
    for (const sample of samples) {
      registry.set(`${name} ${JSON.stringify(sample.labels)}`, {
        id: name,
        type,
        description: help,
        attributes: sample.labels,
        hooks: { get: () => stateOf(type, sample), update: ignore, modify: ignore },
      })
    }
  }
  return registry
}
