/**
 * Measures what the runs of some cost all others: the latency of `health` beside 20 runs that misbehave, and the cost of 64
 * token streams for 200 clients.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { connect } from "../../src/client/Gateway.ts"
import { Audience } from "../Audience.ts"
import { ALONE, compare, type Effort, figure, percentile, type Result } from "../Compare.ts"
import { frame } from "../Line.ts"
import type { Server } from "../Server.ts"
import { MISDEEDS, STREAM, TOKENS } from "../servers/Deeds.ts"
import { start, startRuntimes } from "../Targets.ts"

const BAD_RUNS = 20
const STREAMS = 64
const CLIENTS = 200

/** One look: so many calls, one each so many milliseconds. */
const CALLS = 200
const CALL_MS = 5

/** A run that ends is sent again after this time. */
const AGAIN_MS = 100

type Gateway = ReturnType<typeof connect>

const clientOf = (server: Server): Gateway => connect({ url: `ws://127.0.0.1:${server.port}/rpc`, token: server.token })

const finish = async (gateway: Gateway, text: string, sessionKey: string): Promise<void> => {
  const { runId } = await gateway.call("chat.send", { text, sessionKey })
  await gateway.call("runs.wait", { runId, timeoutMs: 60_000 })
}

/** Keeps the bad runs running during the work. */
const beside = async <A>(gateway: Gateway, work: () => Promise<A>): Promise<A> => {
  const sessions = Array.from({ length: BAD_RUNS }, (_, i) => `bad-${i}`)
  const over = new AbortController()
  const runs = sessions.map(async (sessionKey, i) => {
    while (!over.signal.aborted) {
      await finish(gateway, MISDEEDS[i % MISDEEDS.length]!, sessionKey)
      await sleep(AGAIN_MS)
    }
  })
  const result = await work()
  over.abort()
  const ended = Promise.all(runs).then(() => true)
  for (let isOver = false; !isOver;) {
    await Promise.all(sessions.map((sessionKey) => gateway.call("chat.abort", { sessionKey })))
    isOver = await Promise.race([ended, sleep(AGAIN_MS, false)])
  }
  return result
}

const HEALTH = frame(JSON.stringify({ _tag: "Request", id: 1, tag: "health", payload: {}, headers: [] }))

/** Returns the latencies of `health` in milliseconds, on a connection of its own. */
const latencies = async (server: Server, scale: number): Promise<ReadonlyArray<number>> => {
  const line = await server.open()
  const samples: Array<number> = []
  for (let n = 0; n < CALLS * scale; n++) {
    const began = performance.now()
    await line.exchange(HEALTH, `"Exit"`, 1)
    samples.push(performance.now() - began)
    await sleep(CALL_MS)
  }
  line.close()
  return samples
}

const misbehaved = async ({ rounds, scale }: Effort): Promise<Result> => {
  const server = await startRuntimes(STREAMS)
  const gateway = clientOf(server)
  const alone: Array<number> = []
  const troubled: Array<number> = []
  await latencies(server, scale)
  for (let round = 0; round < rounds; round++) {
    alone.push(percentile(await latencies(server, scale), 0.99))
    troubled.push(percentile(await beside(gateway, () => latencies(server, scale)), 0.99))
  }
  await gateway.close()
  await server.stop()
  return {
    work: `\`health\` beside ${BAD_RUNS} runs that spin, flood, hang or throw, p99`,
    unit: "ms",
    figures: [figure(ALONE, alone), figure("causeway", troubled)],
    goal: { ratio: 1.1 },
  }
}

const streamed = async (effort: Effort): Promise<Result> => {
  const streams = Math.ceil(STREAMS * effort.scale)
  const clients = Math.ceil(CLIENTS * effort.scale)
  const kind = { acknowledges: false, ids: () => 1 }
  const floor = await start("plain ws")
  const server = await startRuntimes(STREAMS)
  const gateway = clientOf(server)
  const audience = await Audience.gather(floor, clients, kind)
  const followers = await server.many(clients, (index) => server.follow(index, () => {}))
  const works = new Map<Server, () => Promise<unknown>>([
    [
      floor,
      async () => {
        for (let n = 0; n < TOKENS; n++) {
          const arrival = audience.arrival(streams)
          await floor.tell(streams)
          await arrival
        }
      },
    ],
    [server, () => Promise.all(Array.from({ length: streams }, (_, i) => finish(gateway, STREAM, `stream-${i}`)))],
  ])
  const subjects = [floor, server].map((server) => ({ server }))
  const figures = await compare(subjects, { ...effort, warmUp: Math.min(effort.warmUp, 2) }, async ({ server }) => {
    const micros = await server.cpuOf(works.get(server)!)
    return micros / (streams * TOKENS * clients)
  })
  audience.close()
  for (const line of followers) line.close()
  await gateway.close()
  for (const subject of [floor, server]) await subject.stop()
  return { work: `token of ${STREAMS} streams to ${CLIENTS} clients`, unit: "µs", figures, goal: { ratio: 0.1 } }
}

export const isolation = async (effort: Effort): Promise<ReadonlyArray<Result>> => [
  await misbehaved(effort),
  await streamed(effort),
]
