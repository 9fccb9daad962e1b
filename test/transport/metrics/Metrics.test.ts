/** Metrics: the figures of the gateway at `GET /metrics`. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { GatewayClient } from "../../../src/client/GatewayClient.ts"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Events } from "../../../src/services/events/Events.ts"
import { ask } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

/** Returns the samples of a scrape by name and labels. */
const scrape = Effect.map(ask("/metrics"), ({ text }) =>
  Object.fromEntries(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))] as const),
  ),
)

const gateway = Layer.provideMerge(TestGateway.client, TestGateway.layer())

describe("Metrics", () => {
  it.layer(gateway, { excludeTestServices: true })((it) => {
    it.effect("A scrape has the connections, the runs, the events, the bytes and the process.", () =>
      Effect.gen(function* () {
        const { calls } = yield* GatewayClient
        const before = yield* scrape
        const { runId } = yield* calls["chat.send"]({ text: "hello", sessionKey: "metrics" })
        yield* calls["runs.wait"]({ runId })
        const after = yield* scrape
        expect(after).toMatchObject({
          'causeway_connections{dialect="rpc",state="authenticated"}': 1,
          'causeway_runs{state="running"}': 0,
          'causeway_runs_ended_total{outcome="done"}': 1,
        })
        expect(after['causeway_events_published_total{topic="chat"}']).toBeGreaterThan(3)
        const grown = [
          'causeway_websocket_received_bytes_total{dialect="rpc"}',
          'causeway_websocket_received_frames_total{dialect="rpc"}',
          'causeway_websocket_sent_bytes_total{dialect="rpc"}',
          'causeway_websocket_sent_frames_total{dialect="rpc"}',
          "causeway_event_position",
          "causeway_cpu_seconds_total",
        ]
        for (const name of grown) expect(after[name]).toBeGreaterThan(before[name]!)
        const positive = [
          'causeway_storage_write_duration_seconds_count{outcome="ok"}',
          "causeway_resident_memory_bytes",
          "causeway_uptime_seconds",
        ]
        for (const name of positive) {
          expect(after[name]).toBeGreaterThan(0)
        }
        expect([after["causeway_outbox_frames"], after["causeway_outbox_most_frames"]]).toEqual([0, 0])
        expect(after).toHaveProperty('causeway_event_loop_delay_seconds{quantile="0.99"}')
      }),
    )

    it.effect("Calls of all wires count by method and outcome, with their durations.", () =>
      Effect.gen(function* () {
        const { calls } = yield* GatewayClient
        const counted = (samples: Record<string, number>, method: string, outcome: string) =>
          samples[`causeway_call_duration_seconds_count{method="${method}",outcome="${outcome}"}`] ?? 0
        const before = yield* scrape
        yield* calls.ping({})
        yield* ask("/api/rpc/ping", { body: "{}" })
        yield* Effect.flip(calls["sessions.history"]({ key: "nowhere" }))
        const { runId } = yield* calls["chat.send"]({ text: "hello", sessionKey: "timed" })
        yield* calls["runs.wait"]({ runId })
        const after = yield* scrape
        expect(counted(after, "ping", "ok") - counted(before, "ping", "ok")).toBe(2)
        expect(counted(after, "sessions.history", "SessionNotFound")).toBe(1)
        const bucket = (bound: string) =>
          after[`causeway_call_duration_seconds_bucket{method="chat.send",outcome="ok",le="${bound}"}`]!
        expect(bucket("+Inf")).toBe(counted(after, "chat.send", "ok"))
        expect(bucket("60")).toBe(bucket("+Inf"))
        expect(bucket("0.0001")).toBeLessThan(bucket("+Inf"))
        expect(after['causeway_call_duration_seconds_sum{method="chat.send",outcome="ok"}']).toBeGreaterThan(0)
      }),
    )

    it.effect("Events that a subscriber receives later count as replayed.", () =>
      Effect.gen(function* () {
        const { calls } = yield* GatewayClient
        const events = yield* Events
        const from = events.head()
        const { runId } = yield* calls["chat.send"]({ text: "hello", sessionKey: "replayed" })
        yield* calls["runs.wait"]({ runId })
        const { causeway_events_replayed_total: before } = yield* scrape
        const missed = events.subscribe({ topics: ["chat"] }, from).pipe(
          Stream.takeUntil(({ _tag }) => _tag === "CaughtUp"),
          Stream.filter(({ _tag }) => _tag === "Event"),
        )
        const count = (yield* Stream.runCollect(missed)).length
        expect(count).toBeGreaterThan(2)
        expect((yield* scrape)["causeway_events_replayed_total"]).toBe(before! + count)
      }),
    )

    it.effect("Each figure has a type and a text, and the name of a counter ends with `_total`.", () =>
      Effect.gen(function* () {
        const { headers, text } = yield* ask("/metrics")
        expect(headers["content-type"]).toContain("text/plain; version=0.0.4")
        const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
        expect(types.length).toBeGreaterThan(12)
        for (const [, name = "", type] of types) {
          expect(name.startsWith("causeway_")).toBe(true)
          expect(name.endsWith("_total")).toBe(type === "counter")
          expect(text).toMatch(new RegExp(`^# HELP ${name} \\S`, "m"))
        }
      }),
    )

    it.effect("A scrape needs a token.", () =>
      Effect.gen(function* () {
        expect((yield* ask("/metrics", { token: null })).status).toBe(401)
        expect((yield* ask("/metrics", { method: "POST", body: "{}" })).status).toBe(405)
      }),
    )
  })
})
