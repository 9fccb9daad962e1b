/** Metrics: the figures of the gateway at `GET /metrics`. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { GatewayClient } from "../../../src/client/GatewayClient.ts"
import * as Layer from "effect/Layer"
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
          "causeway_websocket_received_bytes_total",
          "causeway_websocket_sent_bytes_total",
          "causeway_event_position",
          "causeway_cpu_seconds_total",
        ]
        for (const name of grown) expect(after[name]).toBeGreaterThan(before[name]!)
        for (const name of ["causeway_resident_memory_bytes", "causeway_uptime_seconds"]) {
          expect(after[name]).toBeGreaterThan(0)
        }
        expect(after).toHaveProperty('causeway_event_loop_delay_seconds{quantile="0.99"}')
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
