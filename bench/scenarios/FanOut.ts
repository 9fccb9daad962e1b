/**
 * Measures the cost of one delivery when the server sends an event to 1,000 subscribers, one at a time and in bursts. A
 * stock RpcClient acknowledges each chunk. If that is part of the work, all clients acknowledge.
 */
import { Audience, type Manners } from "../Audience.ts"
import { compare, type Effort, type Result } from "../Compare.ts"
import type { Server } from "../Server.ts"
import { start, type TargetName } from "../Targets.ts"

interface Kind extends Manners {
  readonly events: number
  readonly burst: number
}

const alike = () => 1
const own = (index: number) => index
const paced = { events: 40, burst: 1, acknowledges: false, ids: alike }
const bursts = { ...paced, events: 160, burst: 32 }

const tell = async (servers: ReadonlyArray<Server>, effort: Effort, kind: Kind) => {
  const followers = Math.ceil(1_000 * effort.scale)
  const subjects = await Promise.all(
    servers.map(async (server) => ({ server, audience: await Audience.gather(server, followers, kind) })),
  )
  const times = Math.ceil((kind.events / kind.burst) * effort.scale)
  const figures = await compare(subjects, effort, async ({ audience, server }) => {
    const micros = await server.cpuOf(async () => {
      for (let i = 0; i < times; i++) {
        const arrival = audience.arrival(kind.burst)
        await server.tell(kind.burst)
        await arrival
      }
    })
    return micros / (times * kind.burst * followers)
  })
  for (const { audience } of subjects) audience.close()
  return figures
}

const names: ReadonlyArray<TargetName> = ["plain ws", "socket.io", "effect/rpc", "causeway"]

export const fanOut = async (effort: Effort): Promise<ReadonlyArray<Result>> => {
  const all = await Promise.all(names.map(start))
  // A stock effect/rpc stream waits until the client acknowledges its chunk.
  const unasked = all.filter(({ name }) => name !== "effect/rpc")
  const run = async (work: string, kind: Kind, goal?: number): Promise<Result> => ({
    work,
    unit: "µs",
    figures: await tell(kind.acknowledges ? all : unasked, effort, kind),
    ...(goal !== undefined && { goal: { ratio: goal } }),
  })
  const results = [
    await run("event to 1,000, paced", paced, 1.3),
    await run("event to 1,000, bursts of 32", bursts, 0.3),
    await run("event to 1,000, paced, 1,000 request ids", { ...paced, ids: own }),
    await run("event to 1,000, paced, each acknowledged", { ...paced, acknowledges: true }),
    await run("event to 1,000, bursts of 32, each acknowledged", { ...bursts, acknowledges: true }),
  ]
  for (const server of all) await server.stop()
  return results
}
