/**
 * Metrics: `GET /metrics`, the figures of the gateway in the text format of Prometheus. A scrape reads most of them where
 * they are: connections, sockets, calls, the event log, runs and the process. This module itself counts only events and the
 * ends of runs. Mounts.ts mounts it. docs/operating.md lists the figures.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { topicOf } from "../../domain/Event.ts"
import { CallTimes } from "../../services/auth/CallTimes.ts"
import { Connections } from "../../services/connections/Connections.ts"
import { type EventFigures, Events } from "../../services/events/Events.ts"
import { Runs } from "../../services/runs/Runs.ts"
import { ConnectionSupervisor } from "../connection/ConnectionSupervisor.ts"
import type { Traffic } from "../connection/Traffic.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import { counter, type Figure, gauge, histogram, labelled, registryOf, type Sample } from "./Figures.ts"

/** Returns the text of the figures. */
const format = (figures: ReadonlyArray<Figure>): Effect.Effect<string> =>
  Effect.provideService(PrometheusMetrics.format(), Metric.MetricRegistry, registryOf(figures))

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
  const { closes, mostWaitingFrames, traffic, waitingFrames } = supervisor.figures()
  const byDialect = (figure: keyof Traffic) =>
    labelled("dialect", new Map(Array.from(traffic, ([dialect, counts]) => [dialect, counts[figure]])))
  return [
    gauge("connections", "Connections by dialect and state.", ...states.values()),
    gauge("calls_in_flight", "Unanswered calls of all connections.", { value: calls }),
    gauge("outbox_bytes", "Bytes that wait for all clients.", { value: outboxBytes }),
    gauge("outbox_largest_bytes", "Bytes that wait for the slowest client.", { value: largestOutbox }),
    gauge("outbox_frames", "Frames that wait for all clients.", { value: waitingFrames }),
    gauge("outbox_most_frames", "Frames that wait for the slowest client.", { value: mostWaitingFrames }),
    counter("websocket_received_frames", "Frames received from WebSockets.", ...byDialect("receivedFrames")),
    counter("websocket_received_bytes", "Bytes received from WebSockets.", ...byDialect("receivedBytes")),
    counter("websocket_sent_frames", "Frames sent to WebSockets.", ...byDialect("sentFrames")),
    counter("websocket_sent_bytes", "Bytes sent to WebSockets.", ...byDialect("sentBytes")),
    counter("websocket_closes", "WebSockets that the gateway has closed, by reason.", ...labelled("reason", closes)),
  ]
}

/** The calls of all wires and HTTP routes. */
const callFigures = (calls: CallTimes["Service"]): ReadonlyArray<Figure> => [
  histogram(
    "call_duration",
    "Durations of calls by method and outcome.",
    ...Array.from(calls.all(), ([method, { all }]) =>
      Array.from(all, ([outcome, times]) => ({ times, labels: { method, outcome } })),
    ).flat(),
  ),
]

const logFigures = ({ replayed, writes }: EventFigures): ReadonlyArray<Figure> => [
  counter("events_replayed", "Stored events that subscribers received later.", { value: replayed }),
  histogram(
    "storage_write_duration",
    "Durations of transactions by outcome.",
    ...Array.from(writes, ([outcome, times]) => ({ times, labels: { outcome } })),
  ),
]

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

/** Exports the figures, if the option `otlp.url` is set. Only then it loads the exporter. */
const exportByOtlp = Effect.fnUntraced(function* (figures: Effect.Effect<ReadonlyArray<Figure>>) {
  const { otlp } = yield* GatewayConfig
  if (otlp.url === undefined) return
  const { start } = yield* Effect.promise(() => import("./MetricsExport.ts"))
  yield* start(otlp, figures)
})

const routes = Effect.gen(function* () {
  const calls = yield* CallTimes
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
      gauge("event_position", "Position of the newest event.", { value: events.head().seq }),
      counter("events_published", "Published events by topic.", ...labelled("topic", published)),
    ]
  }

  const figures = Effect.map(events.figures, (ofLog): ReadonlyArray<Figure> => {
    // Measuring costs a timer, so only a scraped gateway pays for it.
    delays.enable()
    return [
      ...connectionFigures(connections, supervisor),
      ...callFigures(calls),
      ...runFigures(),
      ...logFigures(ofLog),
      ...loopFigures(delays),
      ...processFigures(),
    ]
  })
  yield* exportByOtlp(figures)

  const handle = Effect.fnUntraced(function* () {
    const text = yield* Effect.flatMap(figures, format)
    return HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })
  })

  return [{ method: "GET", path: "", handle }] satisfies ReadonlyArray<ApiRoutes.ApiRoute>
})

export const layer = ApiRoutes.layer({
  prefix: "/metrics",
  purpose: "figures for Prometheus",
  scope: "operator.read",
  routes,
})
