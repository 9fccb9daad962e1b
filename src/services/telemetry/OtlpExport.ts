/**
 * OtlpExport: the exporters of spans and log entries. No secret and no text of a message leaves with them: entries are
 * redacted as in the log, spans carry the kind of a failure without its message, and HTTP requests make no spans of their
 * own, which would hold addresses and headers. Telemetry.ts loads it.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import * as Tracer from "effect/Tracer"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as OtlpExporter from "effect/observability/OtlpExporter"
import * as OtlpResource from "effect/observability/OtlpResource"
import { OtlpSerialization } from "effect/observability/OtlpSerialization"
import * as OtlpTracer from "effect/observability/OtlpTracer"
import type { LogEntry } from "../../domain/Log.ts"
import type { OtlpSettings } from "../../domain/OtlpSettings.ts"
import { Logs } from "../logs/Logs.ts"
import * as Trace from "../traces/Trace.ts"
import * as OtlpEndpoint from "./OtlpEndpoint.ts"

/** Spans, and log entries, that are exported in one second. Further ones are dropped, to bound memory. */
const PER_SECOND = 2_000

/** Makes a function that returns whether the second of a time has room for one more. */
const perSecond = () => {
  let second = 0
  let count = 0
  return (ms: number): boolean => {
    const now = Math.floor(ms / 1_000)
    count = now === second ? count + 1 : 1
    second = now
    return count <= PER_SECOND
  }
}

/** Returns the exit with the kind of the failure only: a message may repeat a secret or the text of a message. */
const withoutTexts = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return exit
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return Exit.fail(Predicate.hasProperty(error, "_tag") ? String(error._tag) : "bug")
}

/** `isChosen`: whether a trace that begins here is exported. The spans of a trace follow its first one. */
const bounded = (tracer: Tracer.Tracer, isChosen: () => boolean): Tracer.Tracer => {
  const hasRoom = perSecond()
  return Tracer.make({
    span: (options) => {
      const sampled = options.sampled && (Option.isSome(options.parent) || isChosen())
      if (!sampled || !hasRoom(Number(options.startTime / 1_000_000n))) {
        return new Tracer.NativeSpan({ ...options, sampled })
      }
      const span = tracer.span(options)
      const end = span.end.bind(span)
      span.end = (time, exit) => end(time, withoutTexts(exit))
      return span
    },
  })
}

/** Numbers of the log data model of OpenTelemetry. */
const severities = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 } as const

const recordOf = ({ at, facts = {}, level, message, source }: LogEntry) => ({
  timeUnixNano: `${at}000000`,
  observedTimeUnixNano: `${at}000000`,
  severityNumber: severities[level],
  severityText: level,
  body: { stringValue: message },
  attributes: OtlpResource.entriesToAttributes(Object.entries({ source, ...facts })),
  droppedAttributesCount: 0,
})

const exportLogs = Effect.fnUntraced(function* (otlp: OtlpSettings) {
  const serialization = yield* OtlpSerialization
  const logs = yield* Logs
  const resource = OtlpResource.make(OtlpEndpoint.resource)
  const { push } = yield* OtlpExporter.make({
    ...OtlpEndpoint.of(otlp, "logs"),
    label: "OtlpLogger",
    body: (logRecords) => [
      serialization.logs({
        resourceLogs: [{ resource, scopeLogs: [{ scope: { name: OtlpEndpoint.resource.serviceName }, logRecords }] }],
      }),
      Effect.void,
    ],
  })
  const hasRoom = perSecond()
  yield* logs.onEntry((entry) => {
    if (hasRoom(entry.at)) push(recordOf(entry))
  })
})

export const layer = (otlp: OtlpSettings): Layer.Layer<never, never, Logs> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const tracer = yield* OtlpTracer.make({ ...OtlpEndpoint.of(otlp, "traces"), resource: OtlpEndpoint.resource })
      yield* exportLogs(otlp)
      const random = yield* Random.Random
      const isChosen = () => random.nextDoubleUnsafe() < otlp.sampling
      return Context.make(Tracer.Tracer, bounded(tracer, isChosen)).pipe(
        Context.add(Trace.AreExported, true),
        Context.add(HttpClient.TracerDisabledWhen, () => true),
        Context.add(HttpMiddleware.TracerDisabledWhen, () => true),
      )
    }),
  ).pipe(Layer.provide(OtlpEndpoint.services))
