/**
 * Measures the cost of a call without work and its answer: one call on each of many connections, and many calls on one
 * connection. On OpenClaw's wires the call is `health`, and on all others `ping`.
 */
import { compare, type Effort, type Result } from "../Compare.ts"
import { frame } from "../Line.ts"
import type { Server } from "../Server.ts"
import { startAll } from "../Targets.ts"
import { callingWires } from "../wires/Wires.ts"

/** Calls that a client sends before it reads the answers. */
export const PIPELINED = 64

/** Returns the processor time of one of many pipelined calls on a connection, in microseconds. */
export const pipelinedCall = async (server: Server, scale: number): Promise<number> => {
  const blocks = Math.ceil(400 * scale)
  const { mark, say } = server.wire.call!
  const line = await server.open()
  const block = Buffer.concat(Array.from({ length: PIPELINED }, (_, id) => frame(say(id))))
  const micros = await server.cpuOf(() => line.exchange(block, mark, PIPELINED, blocks))
  line.close()
  return micros / (PIPELINED * blocks)
}

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
  const among = await compare(servers, effort, ({ server }) => pipelinedCall(server, effort.scale))
  for (const { server } of servers) await server.stop()
  return [
    { work: "call, 100 connections x 1", unit: "µs", figures: alone, goal: { ratio: 1.3 } },
    { work: `call, 1 connection x ${PIPELINED} pipelined`, unit: "µs", figures: among, goal: { ratio: 0.7 } },
  ]
}
