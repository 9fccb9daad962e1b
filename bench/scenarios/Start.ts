/** Measures the time from `causeway start` until the gateway answers `/ready`, and its memory then. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { type Effort, figure, type Result } from "../Compare.ts"
import { STORED, storedSessions } from "../StoredSessions.ts"
import { BINARY, temporaryFolder } from "../Targets.ts"

/** The time until the process has returned the memory that only the start needed. */
const SETTLE_MS = 3_000

const rssMegabytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024

interface Started {
  readonly milliseconds: number
  readonly megabytes: number
}

const startOnce = async (stateDir: string, settleMs: number): Promise<Started> => {
  const began = performance.now()
  const child = spawn(process.execPath, [BINARY, "start", "--port", "0", "--state-dir", stateDir], {
    stdio: ["ignore", "pipe", "ignore"],
  })
  const url = await new Promise<string>((resolve, reject) => {
    let printed = ""
    child.once("exit", () => reject(new Error(`the gateway ended: ${printed}`)))
    child.stdout.on("data", (text: Buffer) => {
      printed += String(text)
      const url = /listens on (\S+)/.exec(printed)?.[1]
      if (url !== undefined) resolve(url)
    })
  })
  const { status } = await fetch(`${url}/ready`)
  const milliseconds = performance.now() - began
  if (status !== 200) throw new Error(`not ready: ${status}`)
  await sleep(settleMs)
  const megabytes = rssMegabytes(child.pid!)
  child.removeAllListeners("exit")
  const ended = once(child, "exit")
  child.kill("SIGTERM")
  await ended
  return { milliseconds, megabytes }
}

export const startUp = async ({ rounds, scale }: Effort): Promise<ReadonlyArray<Result>> => {
  const settleMs = scale < 1 ? 0 : SETTLE_MS
  const full = await storedSessions(Math.ceil(STORED * scale))
  // The first start fills the compile cache.
  await startOnce(temporaryFolder(), 0)
  const empty: Array<Started> = []
  const stored: Array<Started> = []
  for (let round = 0; round < rounds; round++) {
    empty.push(await startOnce(temporaryFolder(), settleMs))
    stored.push(await startOnce(full, 0))
  }
  const times = (started: ReadonlyArray<Started>) => [
    figure(
      "causeway",
      started.map(({ milliseconds }) => milliseconds),
    ),
  ]
  const memory = figure(
    "causeway",
    empty.map(({ megabytes }) => megabytes),
  )
  return [
    { work: "start to ready, new state folder", unit: "ms", figures: times(empty), goal: { value: 400 } },
    { work: "start to ready, 10,000 sessions", unit: "ms", figures: times(stored), goal: { value: 600 } },
    { work: "resident memory, idle", unit: "MB", figures: [memory], goal: { value: 130 } },
  ]
}
