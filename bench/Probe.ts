/**
 * Runs inside every measured server and reports the resources of the process to the bench over the process channel. A
 * server that can make events listens to the same channel.
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import { setTimeout as sleep } from "node:timers/promises"

export interface Usage {
  /** The CPU time of all threads since the process started. */
  readonly cpuMicros: number
  readonly rssBytes: number
  readonly heapBytes: number
  /** The longest time between two looks at the event loop since `Watch`, which are a millisecond apart. Without it 0. */
  readonly pauseMs: number
}

export type Question =
  | { readonly _tag: "Usage" }
  /** As `Usage`, after a garbage collection. The collection drops compiled code, so use it for memory only. */
  | { readonly _tag: "Settled"; readonly pauseMs: number }
  /** Begins to look at the event loop, until the answer to the next question. */
  | { readonly _tag: "Watch" }
  /** Asks the server for this many events at once. */
  | { readonly _tag: "Tell"; readonly count: number }

let delays: ReturnType<typeof monitorEventLoopDelay> | undefined

const watch = (): void => {
  delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
}

const longestPause = (): number => {
  delays?.disable()
  const { max = 0 } = delays ?? {}
  delays = undefined
  return max / 1e6
}

const usage = (): Usage => {
  const { system, user } = process.cpuUsage()
  const { external, heapUsed, rss } = process.memoryUsage()
  return { cpuMicros: user + system, rssBytes: rss, heapBytes: heapUsed + external, pauseMs: longestPause() }
}

/** Bun names its garbage collection otherwise. */
declare const Bun: undefined | { gc(force: boolean): void }
const collect = (): void => (typeof Bun === "undefined" ? globalThis.gc?.() : Bun?.gc(true))

process.on("message", async (question: Question) => {
  if (question._tag === "Settled") {
    collect()
    await sleep(question.pauseMs)
    collect()
  }
  if (question._tag === "Watch") watch()
  else if (question._tag !== "Tell") process.send?.(usage())
})
process.on("disconnect", () => process.exit())
