/**
 * Measures the cost of telemetry on the hot paths: calls and turns of a gateway without an export, with an export by OTLP
 * to a collector that takes everything, with a tenth of the traces, and with a scrape of `/metrics` in each second.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { clientOf, concurrentRuns, runTurns } from "../Client.ts"
import { compare, type Effort, type Result } from "../Compare.ts"
import { startGateway } from "../Targets.ts"
import { PIPELINED, pipelinedCall } from "./Ping.ts"

const AT_ONCE = 64
const SCRAPE_MS = 1_000

const startCollector = async () => {
  const collector = createServer((request, response) => {
    request.resume().on("end", () => response.end("{}"))
  })
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve))
  return { collector, url: `http://127.0.0.1:${(collector.address() as AddressInfo).port}` }
}

export const telemetry = async (effort: Effort): Promise<ReadonlyArray<Result>> => {
  const { collector, url } = await startCollector()
  const exported = { GATEWAY_OTLP_URL: url, GATEWAY_OTLP_INTERVAL_MS: "1000" }
  const variants = {
    "no export": {},
    "scrape each second": {},
    OTLP: exported,
    "OTLP, a tenth of the traces": { ...exported, GATEWAY_OTLP_SAMPLING: "0.1" },
  }
  const subjects = await Promise.all(
    Object.entries(variants).map(async ([name, env]) => {
      const server = await startGateway({ env: { ...concurrentRuns(AT_ONCE), ...env } }, { name })
      return { server, client: clientOf(server) }
    }),
  )
  const scraped = subjects.find(({ server }) => server.name === "scrape each second")!.server
  const headers = { authorization: `Bearer ${scraped.token}` }
  const scrape = () =>
    void fetch(`http://127.0.0.1:${scraped.port}/metrics`, { headers }).then((response) => response.text())
  const timer = setInterval(scrape, SCRAPE_MS)

  const calls = await compare(subjects, effort, ({ server }) => pipelinedCall(server, effort.scale))
  const count = Math.ceil(1_000 * effort.scale)
  const work = { count, atOnce: AT_ONCE, sessions: AT_ONCE }
  const turns = await compare(subjects, effort, async ({ client, server }) => {
    return (await server.cpuOf(() => runTurns(client, work))) / count
  })

  clearInterval(timer)
  for (const { client, server } of subjects) {
    await client.close()
    await server.stop()
  }
  collector.closeAllConnections()
  collector.close()
  return [
    { work: `call, 1 connection x ${PIPELINED} pipelined, with telemetry`, unit: "µs", figures: calls },
    { work: "a turn, with telemetry", unit: "µs", figures: turns },
  ]
}
