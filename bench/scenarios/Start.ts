/** Measures starts with more and more sessions: the time and the processor time until `/ready`, and the memory after them. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { type Effort, figure, type Result } from "../Compare.ts"
import { storedSessions } from "../StoredSessions.ts"
import { BINARY, temporaryFolder } from "../Targets.ts"

/** The time until the process has returned the memory that only the start needed. */
const SETTLE_MS = 5_000

interface Goals {
  readonly sessions: number
  /** The time until `/ready`. */
  readonly readyMs: number
  /** The resident memory. */
  readonly megabytes?: number
}

const GOALS: ReadonlyArray<Goals> = [
  { sessions: 0, readyMs: 300, megabytes: 110 },
  { sessions: 10_000, readyMs: 400, megabytes: 130 },
  { sessions: 100_000, readyMs: 800 },
]

const residentMegabytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024

/** Returns the processor time of all threads. `schedstat` counts it in nanoseconds. */
const processorMs = (pid: number): number => {
  const threads = readdirSync(`/proc/${pid}/task`)
  const times = threads.map((id) => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ", 1)[0]))
  return times.reduce((sum, time) => sum + time, 0) / 1e6
}

interface Started {
  readonly readyMs: number
  readonly processorMs: number
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
  const ready = { readyMs: performance.now() - began, processorMs: processorMs(child.pid!) }
  if (status !== 200) throw new Error(`not ready: ${status}`)
  await sleep(settleMs)
  const megabytes = residentMegabytes(child.pid!)
  child.removeAllListeners("exit")
  const ended = once(child, "exit")
  child.kill("SIGTERM")
  await ended
  return { ...ready, megabytes }
}

/** Returns the state folder of the next start. */
const folders = async (sessions: number): Promise<() => string> => {
  if (sessions === 0) return temporaryFolder
  const folder = await storedSessions(sessions)
  return () => folder
}

export const startUp = async ({ rounds, scale, warmUp }: Effort): Promise<ReadonlyArray<Result>> => {
  const settleMs = scale < 1 ? 0 : SETTLE_MS
  const subjects: Array<{ readonly goals: Goals; readonly folder: () => string; readonly starts: Array<Started> }> = []
  for (const goals of GOALS) {
    subjects.push({ goals, folder: await folders(Math.ceil(goals.sessions * scale)), starts: [] })
  }
  // The first start fills the compile cache, and the first one of a database its file cache.
  if (warmUp > 0) for (const { folder } of subjects) await startOnce(folder(), 0)
  for (let round = 0; round < rounds; round++) {
    for (const { folder, starts } of subjects) starts.push(await startOnce(folder(), settleMs))
  }
  return subjects.flatMap(({ goals: { megabytes, readyMs, sessions }, starts }) => {
    const of = sessions === 0 ? "new state folder" : `${sessions.toLocaleString("en")} sessions`
    const figures = (value: (started: Started) => number) => [figure("causeway", starts.map(value))]
    return [
      {
        work: `start to ready, ${of}`,
        unit: "ms",
        figures: figures((started) => started.readyMs),
        goal: { value: readyMs },
      },
      { work: `processor time of the start, ${of}`, unit: "ms", figures: figures((started) => started.processorMs) },
      {
        work: `resident memory, ${sessions === 0 ? "idle" : of}`,
        unit: "MB",
        figures: figures((started) => started.megabytes),
        ...(megabytes !== undefined && { goal: { value: megabytes } }),
      },
    ]
  })
}
