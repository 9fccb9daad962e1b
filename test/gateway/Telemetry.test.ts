/** Telemetry: spans, metrics and log entries at a collector of OpenTelemetry. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as FakeProvider from "../support/FakeProvider.ts"
import { ask } from "../support/HttpRequests.ts"
import * as OtlpCollector from "../support/OtlpCollector.ts"
import * as TestGateway from "../support/TestGateway.ts"

class Collector extends Context.Service<Collector, OtlpCollector.OtlpCollector>()("test/Collector") {}
class Fake extends Context.Service<Fake, FakeProvider.FakeProvider>()("test/Fake") {}

const KEY = "sk-of-the-collector"
const PROVIDER_KEY = "sk-of-the-provider"
const MESSAGE = "a message that stays here"

const gateway = Layer.unwrap(
  Effect.gen(function* () {
    const collector = yield* OtlpCollector.make
    const fake = yield* FakeProvider.make
    fake.script("short", async (answer) => {
      await answer.text("an answer that stays here")
      return answer.end()
    })
    fake.script("broken", (answer) => answer.fail({ status: 400, message: `no ${PROVIDER_KEY} for ${MESSAGE}` }))
    return TestGateway.layer({
      logLevel: "info",
      model: "fake/short",
      providers: { fake: { kind: "openai", baseUrl: fake.baseUrl.openai, apiKey: PROVIDER_KEY } },
      otlp: { url: `${collector.url}/`, headers: { "x-api-key": KEY }, intervalMs: 100 },
    }).pipe(Layer.provideMerge(Layer.merge(Layer.succeed(Fake, fake), Layer.succeed(Collector, collector))))
  }),
)

const TRACE = "0af7651916cd43dd8448eb211c80319c"
const SPAN = "b7ad6b7169203331"
const traceparent = `00-${TRACE}-${SPAN}-01`

const send = (body: object, headers: Record<string, string> = {}) =>
  ask("/api/rpc/chat.send", { body: JSON.stringify({ text: MESSAGE, ...body }), headers })

const attributesOf = ({ attributes }: { readonly attributes: ReadonlyArray<any> }) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

describe("Telemetry", () => {
  it.layer(gateway, { excludeTestServices: true })((it) => {
    it.effect("The trace of a client holds its call, the run, and the call of the provider.", () =>
      Effect.gen(function* () {
        const collector = yield* Collector
        const request = (yield* Fake).nextRequest()
        expect((yield* send({ sessionKey: "traced" }, { traceparent })).status).toBe(200)
        const spanNamed = (name: string, attributes: object = {}) =>
          collector.until((received) =>
            OtlpCollector.spansIn(received).find(
              (span) =>
                span.name === name &&
                span.traceId === TRACE &&
                Object.entries(attributes).every(([key, value]) => attributesOf(span)[key] === value),
            ),
          )
        const call = yield* spanNamed("chat.send")
        expect(call.parentSpanId).toBe(SPAN)
        expect(attributesOf(call)).toMatchObject({ dialect: "rest" })
        expect((yield* spanNamed("TurnRunner.run")).parentSpanId).toBeDefined()
        const provider = yield* spanNamed("ProviderHttp.send", { provider: "fake", model: "short" })
        const { headers } = yield* Effect.promise(() => request)
        expect(headers["traceparent"]).toBe(`00-${TRACE}-${provider.spanId}-01`)
      }),
    )

    it.effect("The figures of /metrics reach the collector, with their histograms.", () =>
      Effect.gen(function* () {
        const collector = yield* Collector
        yield* ask("/api/rpc/ping", { body: "{}" })
        const times = yield* collector.until((received) =>
          OtlpCollector.metricsIn(received)
            .find(({ name }) => name === "causeway_call_duration_seconds")
            ?.histogram.dataPoints.find((point: any) => attributesOf(point)["method"] === "ping"),
        )
        expect(times).toMatchObject({ count: 1, explicitBounds: expect.arrayContaining([0.0001, 60]) })
        const names = OtlpCollector.metricsIn(collector.received).map(({ name }) => name)
        expect(names).toEqual(expect.arrayContaining(["causeway_runs", "causeway_events_published_total"]))
      }),
    )

    it.effect("The entries of the log reach the collector, with their facts.", () =>
      Effect.gen(function* () {
        const collector = yield* Collector
        const { json } = yield* send({ sessionKey: "logged" })
        const entry = yield* collector.until((received) =>
          OtlpCollector.entriesIn(received).find(
            (entry) => entry.body.stringValue.startsWith("a run ended") && attributesOf(entry)["run"] === json.runId,
          ),
        )
        expect(entry).toMatchObject({ severityNumber: 9, severityText: "info" })
        expect(attributesOf(entry)).toMatchObject({ source: "runs", outcome: "done", session: "logged" })
      }),
    )

    it.effect("Exports carry the configured headers, and neither secrets nor texts of messages.", () =>
      Effect.gen(function* () {
        const collector = yield* Collector
        yield* send({ sessionKey: "failing", commands: true, text: "/model fake/broken" })
        const { json } = yield* send({ sessionKey: "failing" })
        yield* collector.until((received) =>
          OtlpCollector.entriesIn(received).find(
            (entry) => entry.body.stringValue.startsWith("a run ended") && attributesOf(entry)["run"] === json.runId,
          ),
        )
        const failed = yield* collector.until((received) =>
          OtlpCollector.spansIn(received).find((span) => span.name === "ProviderHttp.send" && span.status.code === 2),
        )
        expect(failed.status.message).toBe("ModelProblem")
        for (const { headers, text } of collector.received) {
          expect(headers["x-api-key"]).toBe(KEY)
          for (const secret of [KEY, PROVIDER_KEY, TestGateway.TOKEN, "stays here"]) expect(text).not.toContain(secret)
        }
      }),
    )

    it.effect("A collector that fails costs its data only.", () =>
      Effect.gen(function* () {
        const collector = yield* Collector
        collector.status = 400
        const { length } = collector.received
        yield* send({ sessionKey: "refused" })
        yield* collector.until((received) => (received.length > length + 2 ? true : undefined))
        expect((yield* ask("/api/rpc/ping", { body: "{}" })).status).toBe(200)
      }),
    )
  })

  it.live("A collector that never answers delays no call, and a stop waits for it only briefly.", () =>
    Effect.gen(function* () {
      const collector = yield* OtlpCollector.make
      collector.status = undefined
      const scope = yield* Scope.make()
      const options = { logLevel: "info" as const, otlp: { url: collector.url, intervalMs: 100 } }
      const context = yield* Layer.buildWithScope(TestGateway.layer(options), scope)
      const ping = Effect.provideContext(ask("/api/rpc/ping", { body: "{}" }), context)
      expect((yield* ping).status).toBe(200)
      // All exporters wait for the collector now.
      const hasAll = (received: ReadonlyArray<OtlpCollector.Received>) =>
        ["traces", "metrics", "logs"].every((signal) => received.some(({ path }) => path === `/v1/${signal}`))
      yield* collector.until((received) => (hasAll(received) ? true : undefined))
      for (let i = 0; i < 20; i++) expect((yield* ping).status).toBe(200)
      const [time] = yield* Effect.timed(Scope.close(scope, Exit.void))
      // Each exporter gives up after a second. The rest is for a busy machine.
      expect(Duration.toMillis(time)).toBeLessThan(4_000)
    }).pipe(Effect.scoped),
  )

  it.live("A gateway that samples no traces exports those whose client samples them, and no others.", () =>
    Effect.gen(function* () {
      const collector = yield* OtlpCollector.make
      yield* Effect.gen(function* () {
        yield* send({ sessionKey: "own" })
        yield* send({ sessionKey: "unsampled" }, { traceparent: traceparent.replace(/01$/, "00") })
        yield* send({ sessionKey: "sampled" }, { traceparent })
        const names = new Set(["chat.send", "TurnRunner.run"])
        yield* collector.until((received) => {
          const spans = OtlpCollector.spansIn(received).filter(({ name }) => names.has(name))
          return spans.length >= 2 ? true : undefined
        })
      }).pipe(Effect.provide(TestGateway.layer({ otlp: { url: collector.url, intervalMs: 100, sampling: 0 } })))
      // The stop has exported the rest.
      const spans = OtlpCollector.spansIn(collector.received)
      expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]))
      expect(spans.filter(({ name }) => name === "chat.send")).toHaveLength(1)
    }).pipe(Effect.scoped),
  )
})
