/**
 * Measures the cost of a handshake: the upgrade, the authentication and the state that the server keeps. On OpenClaw's wires
 * the client is a device, whose signature the gateway verifies.
 */
import { compare, type Effort, type Result } from "../Compare.ts"
import type { Line } from "../Line.ts"
import { startAll } from "../Targets.ts"

export const handshake = async (effort: Effort): Promise<ReadonlyArray<Result>> => {
  const subjects = (await startAll(effort.wires, effort)).map((server) => ({ server }))
  const connections = Math.ceil(1_000 * effort.scale)
  const figures = await compare(subjects, effort, async ({ server }) => {
    let lines: ReadonlyArray<Line> = []
    const micros = await server.cpuOf(async () => {
      lines = await server.many(connections)
    })
    for (const line of lines) line.close()
    return micros / connections
  })
  for (const { server } of subjects) await server.stop()
  return [{ work: "connect and handshake", unit: "µs", figures, goal: { ratio: 1.3 } }]
}
