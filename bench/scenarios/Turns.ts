/**
 * Measures messages from the typed client: the time until one is on disk and acknowledged, and until its turn has ended,
 * both at 100 a second, beside the disk alone; the turns per second; and the processor time of a turn. On machines that
 * have the tests' PostgreSQL, the gateway does the same work on it, with its writes to the disk.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { clientOf, concurrentRuns, finish, runTurns } from "../Client.ts"
import { type Effort, latency, type Result } from "../Compare.ts"
import { type Database, onEach } from "../Databases.ts"
import { syncTimes } from "../Disk.ts"
import { startGateway } from "../Targets.ts"

const SESSIONS = 256
const AT_ONCE = 64

/** The turns before the measured ones, until V8 has compiled the code of the gateway and of the client. */
const WARM_UP = 2_000

/** The pause between two messages of a steady load: 100 a second. */
const PACE_MS = 10

interface Measured {
  /** Milliseconds from the send to the acknowledgement, at a steady load. */
  readonly acknowledged: ReadonlyArray<number>
  /** Milliseconds from the send to the end of the turn, which the client awaits, at a steady load. */
  readonly ended: ReadonlyArray<number>
  readonly perSecond: number
  /** The processor time of the gateway for one turn. */
  readonly cpuMicros: number
}

const measure = async ({ options }: Database, { scale }: Effort): Promise<Measured> => {
  const server = await startGateway({ ...options, env: { ...concurrentRuns(AT_ONCE), ...options.env } })
  const gateway = clientOf(server)
  await runTurns(gateway, { count: Math.ceil(WARM_UP * scale), atOnce: AT_ONCE, sessions: SESSIONS })
  const acknowledged: Array<number> = []
  const ended: Array<number> = []
  const turn = async (n: number) => {
    const began = performance.now()
    const { runId } = await gateway.call("chat.send", { text: "hi", sessionKey: `bench-${n % SESSIONS}` })
    acknowledged.push(performance.now() - began)
    await finish(gateway, runId)
    ended.push(performance.now() - began)
  }
  const turns: Array<Promise<void>> = []
  for (let n = 0; n < 1_000 * scale; n++) {
    turns.push(turn(n))
    await sleep(PACE_MS)
  }
  await Promise.all(turns)
  const count = Math.ceil(8_000 * scale)
  const before = (await server.usage()).cpuMicros
  const began = performance.now()
  await runTurns(gateway, { count, atOnce: AT_ONCE, sessions: SESSIONS })
  const perSecond = (count / (performance.now() - began)) * 1_000
  const cpuMicros = ((await server.usage()).cpuMicros - before) / count
  await gateway.close()
  await server.stop()
  return { acknowledged, ended, perSecond, cpuMicros }
}

const results = (
  { acknowledged, cpuMicros, ended, perSecond }: Measured,
  { name }: Database,
): ReadonlyArray<Result> => {
  const database = name === "SQLite" ? "" : `, on ${name}`
  const paced = (work: string, samples: ReadonlyArray<number>, goal: number): Result => ({
    work: `${work} at 100/s, on disk, p99${database}`,
    unit: "ms",
    figures: [latency(samples, 0.99)],
    goal: { value: goal },
  })
  return [
    paced("`chat.send` to its acknowledgement", acknowledged, 3),
    paced("a turn from its `chat.send` to its end", ended, 10),
    {
      work: `turns a second, ${AT_ONCE} at once over ${SESSIONS} sessions${database}`,
      unit: "/s",
      figures: [{ target: "causeway", value: perSecond }],
    },
    {
      work: `a turn, processor time of the gateway${database}`,
      unit: "µs",
      figures: [{ target: "causeway", value: cpuMicros }],
    },
  ]
}

/** The part of a turn's time that the disk takes, at least twice for each turn. */
const disk = async ({ scale }: Effort): Promise<Result> => ({
  work: "the disk alone: a write of 48 KB and `fdatasync` at 100/s, p99",
  unit: "ms",
  figures: [latency(await syncTimes(1_000 * scale, PACE_MS), 0.99)],
})

export const turns = async (effort: Effort): Promise<ReadonlyArray<Result>> => [
  await disk(effort),
  ...(await onEach(async (database) => results(await measure(database, effort), database))).flat(),
]
