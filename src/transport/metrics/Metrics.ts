/**
 * Metrics: `GET /metrics`, the figures of the gateway in the text format of Prometheus. A scrape reads most of
 * them where they are: connections, sockets, runs and the process keep them anyway, so that calls do not pay for them.
 * This module itself counts only events and the ends of runs. Mounts.ts mounts it. docs/operating.md lists the figures.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { topicOf } from "../../domain/Event.ts"
import { Connections } from "../../services/connections/Connections.ts"
import { Events } from "../../services/events/Events.ts"
import { Runs } from "../../services/runs/Runs.ts"
import { ConnectionSupervisor } from "../connection/ConnectionSupervisor.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"

interface Sample {
  readonly value: number
  readonly labels?: Readonly<Record<string, string>>
}

interface Figure {
  /** A counter only grows. Its name ends with `_total`. */
  readonly type: "counter" | "gauge"
  readonly name: string
  readonly help: string
  readonly samples: ReadonlyArray<Sample>
}

const gauge = (name: string, help: string, ...samples: ReadonlyArray<Sample>): Figure => ({
  type: "gauge",
  name: `causeway_${name}`,
  help,
  samples,
})

const counter = (name: string, help: string, ...samples: ReadonlyArray<Sample>): Figure => ({
  ...gauge(`${name}_total`, help, ...samples),
  type: "counter",
})

/** Returns a sample for each entry, with its name as the label. */
const labelled = (label: string, counts: ReadonlyMap<string, number>): ReadonlyArray<Sample> =>
  Array.from(counts, ([name, value]) => ({ value, labels: { [label]: name } }))

/** Writes the figures in a registry of their own: two gateways of one process must not add up. */
const format = (figures: ReadonlyArray<Figure>): Effect.Effect<string> =>
  Effect.gen(function* () {
    for (const { help, name, samples, type } of figures) {
      for (const { labels = {}, value } of samples) {
        const options = { description: help, attributes: labels }
        yield* type === "counter"
          ? Metric.update(Metric.counter(name, options), value)
          : Metric.update(Metric.gauge(name, options), value)
      }
    }
    return yield* PrometheusMetrics.format()
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

const increment = (counts: Map<string, number>, name: string, by = 1): void => {
  counts.set(name, (counts.get(name) ?? 0) + by)
}

/** Connections by dialect and state, and the sums over all of them. */
const connectionFigures = (connections: Connections["Service"], supervisor: ConnectionSupervisor["Service"]) => {
  const states = new Map<string, Sample & { value: number }>()
  let calls = 0
  let outboxBytes = 0
  let largestOutbox = 0
  for (const { callsInFlight, dialect, outboxBytes: bytes, principal } of connections.list()) {
    const state = principal === null ? "unauthenticated" : "authenticated"
    const known = states.get(`${dialect} ${state}`)
    states.set(`${dialect} ${state}`, { value: (known?.value ?? 0) + 1, labels: { dialect, state } })
    calls += callsInFlight
    outboxBytes += bytes
    largestOutbox = Math.max(largestOutbox, bytes)
  }
  const { closes, received, sent } = supervisor.traffic()
  return [
    gauge("connections", "Connections by dialect and state.", ...states.values()),
    gauge("calls_in_flight", "Unanswered calls of all connections.", { value: calls }),
    gauge("outbox_bytes", "Bytes that wait for all clients.", { value: outboxBytes }),
    gauge("outbox_largest_bytes", "Bytes that wait for the slowest client.", { value: largestOutbox }),
    counter("websocket_received_bytes", "Bytes received from WebSockets.", { value: received }),
    counter("websocket_sent_bytes", "Bytes sent to WebSockets.", { value: sent }),
    counter("websocket_closes", "WebSockets that the gateway has closed, by reason.", ...labelled("reason", closes)),
  ]
}

/** Delays of the event loop since the scrape before, in seconds. Measured from the first scrape on. */
const loopFigures = (delays: ReturnType<typeof monitorEventLoopDelay>): ReadonlyArray<Figure> => {
  const samples = [50, 99, 100].map((percent) => ({
    value: delays.count === 0 ? 0 : delays.percentile(percent) / 1e9,
    labels: { quantile: String(percent / 100) },
  }))
  delays.reset()
  return [gauge("event_loop_delay_seconds", "Delays of the event loop since the scrape before.", ...samples)]
}

const processFigures = (): ReadonlyArray<Figure> => {
  const { heapUsed, rss } = process.memoryUsage()
  const { system, user } = process.cpuUsage()
  return [
    gauge("resident_memory_bytes", "Memory of the process.", { value: rss }),
    gauge("heap_used_bytes", "Memory of JavaScript values.", { value: heapUsed }),
    counter("cpu_seconds", "Processor time of the process.", { value: (system + user) / 1e6 }),
    gauge("uptime_seconds", "Age of the process.", { value: process.uptime() }),
  ]
}

const routes = Effect.gen(function* () {
  const connections = yield* Connections
  const events = yield* Events
  const runs = yield* Runs
  const supervisor = yield* ConnectionSupervisor
  const published = new Map<string, number>()
  const ended = new Map<string, number>()
  const tokens = new Map<string, number>()
  yield* events.onEvent(({ event }) => {
    increment(published, topicOf(event))
    if (event._tag !== "RunEnded") return
    increment(ended, event.outcome)
    if (event.usage === undefined) return
    increment(tokens, "input", event.usage.inputTokens)
    increment(tokens, "output", event.usage.outputTokens)
  })
  const delays = monitorEventLoopDelay({ resolution: 20 })
  yield* Effect.addFinalizer(() => Effect.sync(() => delays.disable()))

  const runFigures = () => {
    const { limit, running, waiting } = runs.counts()
    const states = new Map([
      ["running", running],
      ["waiting", waiting],
    ])
    return [
      gauge("runs", "Open runs by state.", ...labelled("state", states)),
      gauge("runs_limit", "Runs that may run at the same time.", { value: limit }),
      counter("runs_ended", "Ended runs by outcome.", ...labelled("outcome", ended)),
      counter("tokens", "Tokens that providers have reported, by kind.", ...labelled("kind", tokens)),
      counter("events_published", "Published events by topic.", ...labelled("topic", published)),
      gauge("event_position", "Position of the newest event.", { value: events.head().seq }),
    ]
  }

  const handle = () =>
    Effect.suspend(() => {
      // Measuring costs a timer, so only a scraped gateway pays for it.
      delays.enable()
      return format([
        ...connectionFigures(connections, supervisor),
        ...runFigures(),
        ...loopFigures(delays),
        ...processFigures(),
      ])
    }).pipe(
      Effect.map((text) => HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })),
    )

  return [{ method: "GET", path: "", handle }] satisfies ReadonlyArray<ApiRoutes.ApiRoute>
})

export const layer = ApiRoutes.layer({
  prefix: "/metrics",
  purpose: "figures for Prometheus",
  scope: "operator.read",
  routes,
})
