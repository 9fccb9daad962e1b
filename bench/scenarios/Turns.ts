/** Measures messages from the typed client: the time until one is on disk and acknowledged, and the turns per second. */
import { connect } from "../../src/client/Gateway.ts"
import { type Effort, percentile, type Result } from "../Compare.ts"
import { startGateway } from "../Targets.ts"

const SESSIONS = 256
const AT_ONCE = 64

/** The default is four concurrent runs, because agents think for seconds. The echo runtime answers at once. */
export const raisedLimits = {
  GATEWAY_RUNS_CONCURRENT: String(AT_ONCE),
  GATEWAY_RUNS_CONCURRENT_PER_AGENT: String(AT_ONCE),
}

export const turns = async ({ scale }: Effort): Promise<ReadonlyArray<Result>> => {
  const server = await startGateway({ env: raisedLimits })
  const gateway = connect({ url: `ws://127.0.0.1:${server.port}/rpc`, token: server.token })
  const send = (n: number) => gateway.call("chat.send", { text: "hi", sessionKey: `bench-${n % SESSIONS}` })
  const finish = (runId: string) => gateway.call("runs.wait", { runId, timeoutMs: 60_000 })
  const acknowledged: Array<number> = []
  for (let n = 0; n < 1_000 * scale; n++) {
    const began = performance.now()
    const { runId } = await send(n)
    acknowledged.push(performance.now() - began)
    await finish(runId)
  }
  const count = Math.ceil(8_000 * scale)
  let next = 0
  const work = async () => {
    while (next < count) await finish((await send(next++)).runId)
  }
  const began = performance.now()
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const perSecond = (count / (performance.now() - began)) * 1_000
  await gateway.close()
  await server.stop()
  const at = (share: number) => percentile(acknowledged, share)
  return [
    {
      work: "`chat.send` to its acknowledgement, on disk, p99",
      unit: "ms",
      figures: [{ target: "causeway", value: at(0.99), range: [at(0.5), at(1)] }],
    },
    {
      work: `turns a second, ${AT_ONCE} at once over ${SESSIONS} sessions`,
      unit: "/s",
      figures: [{ target: "causeway", value: perSecond }],
    },
  ]
}
