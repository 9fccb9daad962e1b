/** Measures the cost of a call and its answer: one call on each of many connections, and many calls on one connection. */
import { compare, type Effort, type Result } from "../Compare.ts"
import { frame } from "../Line.ts"
import { start, type TargetName } from "../Targets.ts"

const names: ReadonlyArray<TargetName> = ["plain ws", "socket.io", "effect/rpc", "causeway"]

export const ping = async (effort: Effort): Promise<ReadonlyArray<Result>> => {
  const servers = await Promise.all(names.map(async (name) => ({ server: await start(name) })))
  const connections = Math.ceil(100 * effort.scale)
  const each = Math.ceil(400 * effort.scale)
  const alone = await compare(servers, effort, async ({ server }) => {
    const { ping, pong } = server.words
    const lines = await server.many(connections)
    const work = () => Promise.all(lines.map((line, id) => line.exchange(frame(ping(id)), pong, 1, each)))
    const micros = await server.cpuOf(work)
    for (const line of lines) line.close()
    return micros / (connections * each)
  })
  const pipelined = 64
  const blocks = Math.ceil(800 * effort.scale)
  const among = await compare(servers, effort, async ({ server }) => {
    const { ping, pong } = server.words
    const line = await server.open()
    const block = Buffer.concat(Array.from({ length: pipelined }, (_, id) => frame(ping(id))))
    const micros = await server.cpuOf(() => line.exchange(block, pong, pipelined, blocks))
    line.close()
    return micros / (pipelined * blocks)
  })
  for (const { server } of servers) await server.stop()
  return [
    { work: "`ping`, 100 connections x 1", unit: "µs", figures: alone, goal: { ratio: 1.5 } },
    { work: "`ping`, 1 connection x 64 pipelined", unit: "µs", figures: among, goal: { ratio: 0.9 } },
  ]
}
