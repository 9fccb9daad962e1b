/**
 * Measures the cost of a call without work and its answer: one call on each of many connections, and many calls on one
 * connection. On OpenClaw's wires the call is `health`, and on all others `ping`.
 */
import { compare, type Effort, type Result } from "../Compare.ts"
import { frame } from "../Line.ts"
import { startAll } from "../Targets.ts"
import { callingWires } from "../wires/Wires.ts"

export const ping = async (effort: Effort): Promise<ReadonlyArray<Result>> => {
  const wires = effort.wires.filter((wire) => callingWires.includes(wire))
  const servers = (await startAll(wires, effort)).map((server) => ({ server, call: server.wire.call! }))
  const connections = Math.ceil(100 * effort.scale)
  const each = Math.ceil(200 * effort.scale)
  const alone = await compare(servers, effort, async ({ call: { mark, say }, server }) => {
    const lines = await server.many(connections)
    const work = () => Promise.all(lines.map((line, id) => line.exchange(frame(say(id)), mark, 1, each)))
    const micros = await server.cpuOf(work)
    for (const line of lines) line.close()
    return micros / (connections * each)
  })
  const pipelined = 64
  const blocks = Math.ceil(400 * effort.scale)
  const among = await compare(servers, effort, async ({ call: { mark, say }, server }) => {
    const line = await server.open()
    const block = Buffer.concat(Array.from({ length: pipelined }, (_, id) => frame(say(id))))
    const micros = await server.cpuOf(() => line.exchange(block, mark, pipelined, blocks))
    line.close()
    return micros / (pipelined * blocks)
  })
  for (const { server } of servers) await server.stop()
  return [
    { work: "call, 100 connections x 1", unit: "µs", figures: alone, goal: { ratio: 1.3 } },
    { work: "call, 1 connection x 64 pipelined", unit: "µs", figures: among, goal: { ratio: 0.7 } },
  ]
}
