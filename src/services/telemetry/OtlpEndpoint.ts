/**
 * OtlpEndpoint: where and how each signal is exported. OtlpExport.ts and MetricsExport.ts of the transport use it.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as OtlpExporter from "effect/observability/OtlpExporter"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as Redacted from "effect/Redacted"
import type { OtlpSettings } from "../../domain/OtlpSettings.ts"
import { VERSION } from "../../domain/Version.ts"

/** Time for the last export when the gateway stops. */
const SHUTDOWN_MS = 1_000

/** Spans and log entries of one request. */
const BATCH = 512

/** The gateway as the collector sees it. */
export const resource = { serviceName: "causeway", serviceVersion: VERSION }

/** Returns the options of an exporter. */
export const of = ({ headers, intervalMs, url }: OtlpSettings, signal: "traces" | "metrics" | "logs") => ({
  url: `${url}${url?.endsWith("/") === true ? "" : "/"}v1/${signal}`,
  headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Redacted.value(value)])),
  exportInterval: intervalMs,
  shutdownTimeout: SHUTDOWN_MS,
  maxBatchSize: BATCH,
})

/** An export that takes longer counts as failed. Then the exporter drops its data and pauses for a minute. */
const TIMEOUT = "5 seconds"

const client = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(
    HttpClient.HttpClient,
    HttpClient.transformResponse(
      Effect.timeoutOrElse({ duration: TIMEOUT, orElse: () => Effect.die("the collector does not answer") }),
    ),
  ),
).pipe(Layer.provide(NodeHttpClient.layerNodeHttp))

/** The services that exporters need. */
export const services = Layer.mergeAll(client, OtlpSerialization.layerJson, OtlpExporter.layerFlusher)
