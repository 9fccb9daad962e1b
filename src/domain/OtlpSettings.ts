/**
 * OtlpSettings: the option `otlp`, where the gateway sends its traces, metrics and log entries. GatewayConfig.ts uses it.
 */
import * as Schema from "effect/Schema"
import { headers, option, optional } from "./Setting.ts"

export const OtlpSettings = Schema.Struct({
  url: optional(
    Schema.String.check(
      Schema.isPattern(/^https?:\/\/[^\s?#@]+$/, {
        expected: "an address such as http://127.0.0.1:4318, without a key",
      }),
    ),
    "The OpenTelemetry collector that gets the gateway's traces, metrics and log entries (OTLP over HTTP with JSON). The paths /v1/traces, /v1/metrics and /v1/logs are added. Left out: the gateway exports nothing.",
  ),
  headers: headers(
    "x-api-key",
    "Headers of every export, e.g. with the key of a service. Their values count as secrets.",
  ),
  sampling: option(
    Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
    1,
    "The share of the traces that is exported, from 0 to 1. A client that sends a `traceparent` decides about its own trace. Less costs less at the collector and shows fewer calls.",
  ),
  intervalMs: option(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(100)),
    10_000,
    "How often the gateway exports. A shorter time shows more at once and costs more requests.",
  ),
})
export type OtlpSettings = typeof OtlpSettings.Type
