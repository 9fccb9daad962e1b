/** An OpenTelemetry collector on a real HTTP server. It keeps what it receives. */
import * as Effect from "effect/Effect"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: any
}

export interface OtlpCollector {
  readonly url: string
  readonly received: ReadonlyArray<Received>
  /** Status of the next answers, or `undefined` to leave the requests without one. */
  status: number | undefined
  /** Waits until the function returns a value of the requests so far, and returns it. */
  readonly until: <A>(find: (received: ReadonlyArray<Received>) => A | undefined) => Effect.Effect<A>
}

/** Returns the spans of all requests. */
export const spansIn = (received: ReadonlyArray<Received>): ReadonlyArray<any> =>
  received
    .filter(({ path }) => path === "/v1/traces")
    .flatMap(({ json }) => json.resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans }) => spans)

/** Returns the log entries of all requests. */
export const entriesIn = (received: ReadonlyArray<Received>): ReadonlyArray<any> =>
  received
    .filter(({ path }) => path === "/v1/logs")
    .flatMap(({ json }) => json.resourceLogs)
    .flatMap(({ scopeLogs }) => scopeLogs)
    .flatMap(({ logRecords }) => logRecords)

/** Returns the metrics of the newest request. */
export const metricsIn = (received: ReadonlyArray<Received>): ReadonlyArray<any> =>
  received
    .filter(({ path }) => path === "/v1/metrics")
    .slice(-1)
    .flatMap(({ json }) => json.resourceMetrics)
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ metrics }) => metrics)

/** Starts the collector on a free port of the loopback interface. It stops with the scope. */
export const make = Effect.acquireRelease(
  Effect.promise(async () => {
    const received: Array<Received> = []
    const checks = new Set<() => void>()
    const server = createServer((request, response) => {
      let text = ""
      request.setEncoding("utf8").on("data", (part: string) => (text += part))
      request.on("end", () => {
        const { headers, url = "" } = request
        received.push({ path: url, headers, text, json: JSON.parse(text) })
        const { status } = collector
        if (status !== undefined) response.writeHead(status, { "content-type": "application/json" }).end("{}")
        for (const check of checks) check()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const collector: OtlpCollector = {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      received,
      status: 200,
      until: (find) =>
        Effect.callback((resume) => {
          const check = () => {
            const found = find(received)
            if (found === undefined) return
            checks.delete(check)
            resume(Effect.succeed(found))
          }
          checks.add(check)
          check()
          return Effect.sync(() => checks.delete(check))
        }),
    }
    return { collector, server }
  }),
  ({ server }) =>
    Effect.promise(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }),
).pipe(Effect.map(({ collector }) => collector))
