/**
 * Measures the fleet with an upstream gateway of 200 agents and 5,000 sessions: the time of a synchronization, its effect on
 * other calls, its memory, and the cost of a local turn beside it, with and without a client that follows the fleet.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { type Client, clientOf, concurrentRuns, runTurns } from "../Client.ts"
import { ALONE, type Effort, figure, type Result } from "../Compare.ts"
import { call, longestDuring } from "../Look.ts"
import type { Server } from "../Server.ts"
import { startGateway, startUpstream } from "../Targets.ts"

const AGENTS = 200
const SESSIONS = 5_000
const TURNS = 1_000

const SETTLE_MS = 500

const AT_ONCE = 8

/** Follows the state of the upstream gateway: each synchronization in milliseconds. */
const followed = async (gateway: Client) => {
  let resolve: (ms: number) => void = () => {}
  let began = 0
  const joined = Promise.withResolvers<void>()
  const read = async () => {
    for await (const item of gateway.events({ topics: ["fleet"] })) {
      if (item._tag === "Joined") joined.resolve()
      if (item._tag !== "Event" || item.event._tag !== "UpstreamChanged") continue
      const { state } = item.event.upstream
      if (state === "syncing") began = item.at
      if (state === "ready") resolve(item.at - began)
    }
  }
  // The client's end ends the loop with an error.
  void read().catch(() => {})
  await joined.promise
  return {
    next: () =>
      new Promise<number>((ready) => {
        resolve = ready
      }),
  }
}

const microsOfTurn = async (server: Server, gateway: Client, count: number): Promise<number> => {
  const micros = await server.cpuOf(() => runTurns(gateway, { count, atOnce: AT_ONCE, sessions: AT_ONCE }))
  return micros / count
}

const isReady = async (gateway: Client): Promise<boolean> =>
  (await gateway.call("fleet.upstreams", {})).upstreams.every(({ state }) => state === "ready")

const heapOf = async (server: Server): Promise<number> =>
  (await server.usage({ _tag: "Settled", pauseMs: SETTLE_MS })).heapBytes / 1_048_576

export const fleet = async ({ rounds, scale }: Effort): Promise<ReadonlyArray<Result>> => {
  const env = concurrentRuns(AT_ONCE)
  const upstream = await startUpstream(AGENTS, Math.ceil(SESSIONS * scale))
  const lone = await startGateway({ env })
  const fronting = await startGateway({ env: { ...env, GATEWAY_WS_URL: `ws://127.0.0.1:${upstream.port}/` } })
  const [gateway, other] = [clientOf(fronting), clientOf(lone)]
  while (!(await isReady(gateway))) await sleep(10)
  const memory = (await heapOf(fronting)) - (await heapOf(lone))

  const turns = Math.ceil(TURNS * scale)
  const costs = { alone: new Array<number>(), beside: new Array<number>(), followed: new Array<number>() }
  const measure = async () => {
    costs.alone.push(await microsOfTurn(lone, other, turns))
    costs.beside.push(await microsOfTurn(fronting, gateway, turns))
  }
  await measure()
  costs.alone = []
  costs.beside = []
  for (let round = 0; round < rounds; round++) await measure()

  const states = await followed(gateway)
  for (let round = 0; round < rounds; round++) costs.followed.push(await microsOfTurn(fronting, gateway, turns))
  const syncs: Array<number> = []
  const delays: Array<number> = []
  const line = await fronting.open()
  for (let round = 0; round < rounds; round++) {
    const sync = states.next()
    await upstream.tell(1)
    delays.push(await longestDuring(line, call("health"), () => sync))
    syncs.push(await sync)
  }
  line.close()
  await Promise.all([gateway.close(), other.close()])
  for (const server of [fronting, lone, upstream]) await server.stop()

  const extent = `${AGENTS} agents and ${SESSIONS} sessions upstream`
  return [
    { work: `synchronization of ${extent}`, unit: "ms", figures: [figure("causeway", syncs)], goal: { value: 2_000 } },
    {
      work: "the longest answer to `health` meanwhile, p50 of the rounds",
      unit: "ms",
      figures: [figure("causeway", delays)],
    },
    { work: `heap for ${extent}`, unit: "MB", figures: [{ target: "causeway", value: memory }] },
    {
      work: `a turn beside ${extent}`,
      unit: "µs",
      figures: [figure(ALONE, costs.alone), figure("causeway", costs.beside)],
      goal: { ratio: 1.05 },
    },
    {
      work: `a turn while a client follows the fleet`,
      unit: "µs",
      figures: [figure(ALONE, costs.alone), figure("causeway", costs.followed)],
    },
  ]
}
