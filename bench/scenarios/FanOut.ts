/**
 * Measures the cost of one delivery when the server sends an event to 1,000 subscribers, one at a time and in bursts. A
 * stock RpcClient acknowledges each chunk. If that is part of the work, all clients acknowledge.
 */
import { Audience, type Manners } from "../Audience.ts"
import { ALL_WIRES, compare, type Effort, type Result } from "../Compare.ts"
import type { Server } from "../Server.ts"
import { otherNames, start, startGateway, startWires } from "../Targets.ts"
import { wires } from "../wires/Wires.ts"

interface Kind extends Manners {
  readonly events: number
  readonly burst: number
}

interface Subject {
  readonly server: Server
  readonly audiences: ReadonlyArray<Audience>
  readonly subscribers: number
}

const SUBSCRIBERS = 1_000

const alike = () => 1
const own = (index: number) => index
const paced = { events: 40, burst: 1, acknowledges: false, ids: alike }
const bursts = { ...paced, events: 160, burst: 32 }

/** The number of subscribers, on each of the speakers. */
const gather = async (
  server: Server,
  speakers: ReadonlyArray<Server>,
  subscribers: number,
  kind: Kind,
): Promise<Subject> => {
  // The first message opens the session, which some wires show in another form.
  await server.tell(1)
  const size = Math.ceil(subscribers / speakers.length)
  const audiences = await Promise.all(speakers.map((speaker) => Audience.gather(speaker, size, kind)))
  return { server, audiences, subscribers: size * speakers.length }
}

const measure = async (subjects: ReadonlyArray<Subject>, effort: Effort, kind: Kind) => {
  const times = Math.ceil((kind.events / kind.burst) * effort.scale)
  const figures = await compare(subjects, effort, async ({ audiences, server, subscribers }) => {
    const micros = await server.cpuOf(async () => {
      for (let i = 0; i < times; i++) {
        const arrivals = audiences.map((audience) => audience.arrival(kind.burst))
        await server.tell(kind.burst)
        await Promise.all(arrivals)
      }
    })
    return micros / (times * kind.burst * subscribers)
  })
  for (const { audiences } of subjects) for (const audience of audiences) audience.close()
  return figures
}

export const fanOut = async (effort: Effort): Promise<ReadonlyArray<Result>> => {
  const floor = await start("plain ws")
  // A stock effect/rpc stream waits until the client acknowledges its chunk.
  const names = otherNames(effort.scale).filter((name) => name !== "plain ws" && name !== "effect/rpc")
  const unasked = [floor, ...(await Promise.all(names.map(start)))]
  const gateways = await startWires(effort.wires, effort)
  const subscribers = Math.ceil(SUBSCRIBERS * effort.scale)
  const run = async (work: string, servers: ReadonlyArray<Server>, kind: Kind, goal?: number): Promise<Result> => {
    const subjects = await Promise.all(servers.map((server) => gather(server, [server], subscribers, kind)))
    const figures = await measure(subjects, effort, kind)
    return { work, unit: "µs", figures, ...(goal !== undefined && { goal: { ratio: goal } }) }
  }
  const results = [
    await run("event to 1,000, paced", [...unasked, ...gateways], paced, 0.9),
    await run("event to 1,000, bursts of 32", [...unasked, ...gateways], bursts, 0.05),
  ]

  const spread = async (work: string, kind: Kind, goal: number): Promise<Result> => {
    const server = await startGateway({}, { name: ALL_WIRES })
    const speakers = effort.wires.map((wire) => server.speaking(wires[wire](server.token!)))
    const subjects = [
      await gather(floor, [floor], subscribers, kind),
      await gather(server, speakers, subscribers, kind),
    ]
    const figures = await measure(subjects, effort, kind)
    await server.stop()
    return { work, unit: "µs", figures, goal: { ratio: goal } }
  }
  if (effort.wires.length > 1) {
    results.push(await spread("event to 1,000 on all wires, paced", paced, 1))
    results.push(await spread("event to 1,000 on all wires, bursts of 32", bursts, 1))
  }

  const rpc = gateways.filter(({ name }) => name === "rpc")
  if (rpc.length > 0) {
    const stock = await start("effect/rpc")
    const acknowledging = [...unasked.filter(({ name }) => name !== "bun"), stock, ...rpc]
    results.push(
      await run("event to 1,000, paced, 1,000 request ids", [floor, ...rpc], { ...paced, ids: own }),
      await run("event to 1,000, paced, acknowledged", acknowledging, { ...paced, acknowledges: true }),
      await run("event to 1,000, bursts of 32, acknowledged", acknowledging, { ...bursts, acknowledges: true }),
    )
    await stock.stop()
  }
  for (const server of [...unasked, ...gateways]) await server.stop()
  return results
}
