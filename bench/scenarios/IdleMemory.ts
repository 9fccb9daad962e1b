/** Measures the memory of an idle connection: the resident memory of the server after a garbage collection. */
import { readFileSync } from "node:fs"
import { type Effort, figure, type Result } from "../Compare.ts"
import type { Line } from "../Line.ts"
import type { Server } from "../Server.ts"
import { otherNames, start, startGateway } from "../Targets.ts"

/** The first connections make the server load code and allocate buffers and tables. They are not measured. */
const FIRST = 200

const SETTLE_MS = 500

/** A process takes memory in steps, so each process gives one result only. */
const ROUNDS = 5

const FEW = 5_000
const MANY = 20_000

/** Files that the load generator has open besides its sockets. */
const RESERVE = 500

/** Returns the number of files that a process may open. */
const openFiles = (): number => {
  const limits = process.platform === "linux" ? readFileSync("/proc/self/limits", "utf8") : ""
  return Number(/Max open files\s+\d+\s+(\d+)/.exec(limits)?.[1] ?? 8_192)
}

/** The gateway accepts fewer connections by default, and one principal may have fewer subscriptions. */
const env = {
  GATEWAY_LIMITS_CONNECTIONS: String(MANY + FIRST),
  GATEWAY_LIMITS_PRINCIPAL_SUBSCRIPTIONS: String(MANY + FIRST),
}

/** Clients of OpenClaw have a device, a nonce and interests. */
const openClawGoal = { value: 14 }

export const idleMemory = async ({ rounds, scale, wires }: Effort): Promise<ReadonlyArray<Result>> => {
  const settled = { _tag: "Settled", pauseMs: scale < 1 ? 10 : SETTLE_MS } as const
  const starts: ReadonlyArray<readonly [name: string, start: () => Promise<Server>]> = [
    ...otherNames(scale).map((name) => [name, () => start(name)] as const),
    // The handshake has tried all wires: a smoke test starts one gateway.
    ...(scale < 1 ? wires.slice(0, 1) : wires).map(
      (wire) => [wire, () => startGateway({ env }, { name: wire, wire })] as const,
    ),
  ]
  const few = Math.ceil(FEW * scale)
  const many = Math.ceil(Math.min(MANY, openFiles() - RESERVE) * scale)
  const results = [few, many].map(() => new Map(starts.map(([name]): [string, Array<number>] => [name, []])))
  for (let round = 0; round < Math.min(rounds, ROUNDS); round++) {
    for (const [name, start] of starts) {
      const server = await start()
      for (const line of await server.many(Math.ceil(FIRST * scale))) line.close()
      const before = await server.usage(settled)
      const lines: Array<Line> = []
      // The many take long, and one process is enough to show the trend.
      for (const [i, count] of (round === 0 ? [few, many] : [few]).entries()) {
        lines.push(...(await server.many(count - lines.length)))
        const { rssBytes } = await server.usage(settled)
        results[i]!.get(name)!.push((rssBytes - before.rssBytes) / count / 1_024)
      }
      for (const line of lines) line.close()
      await server.stop()
    }
  }
  return [few, many].map((count, i) => ({
    work: `idle memory per connection, ${count.toLocaleString("en")} connections`,
    unit: "KB",
    figures: starts.map(([name]) =>
      figure(name, results[i]!.get(name)!, name.startsWith("openclaw") ? openClawGoal : undefined),
    ),
    goal: { value: 10 },
  }))
}
