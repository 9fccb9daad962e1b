/** Measures the memory of an idle connection: the resident memory of the server after a garbage collection. */
import { type Effort, type Figure, figure, type Result } from "../Compare.ts"
import { start, type TargetName } from "../Targets.ts"

const names: ReadonlyArray<TargetName> = ["plain ws", "socket.io", "effect/rpc", "causeway"]

/** The first connections make the server load code and allocate buffers and tables. They are not measured. */
const FIRST = 200

const SETTLE_MS = 500

/** A process takes memory in steps, so each process gives one result only. */
const ROUNDS = 5

export const idleMemory = async ({ rounds, scale }: Effort): Promise<ReadonlyArray<Result>> => {
  const settled = { _tag: "Settled", pauseMs: scale < 1 ? 10 : SETTLE_MS } as const
  const connections = Math.ceil(5_000 * scale)
  const values = new Map<string, Array<number>>(names.map((name) => [name, []]))
  for (let round = 0; round < Math.min(rounds, ROUNDS); round++) {
    for (const name of names) {
      const server = await start(name)
      for (const line of await server.many(Math.ceil(FIRST * scale))) line.close()
      const before = await server.usage(settled)
      const lines = await server.many(connections)
      const after = await server.usage(settled)
      values.get(name)!.push((after.rssBytes - before.rssBytes) / connections / 1_024)
      for (const line of lines) line.close()
      await server.stop()
    }
  }
  const figures = names.map((name): Figure => figure(name, values.get(name)!))
  const work = "idle memory per connection, 5,000 connections"
  return [{ work, unit: "KB", figures, goal: { value: 14 } }]
}
