/**
 * Loaded into every server that is measured: tells the bench over the process channel what the process has used. It
 * knows no server; those that can be told to do something listen for it beside this.
 */
import { setTimeout as sleep } from "node:timers/promises"

export interface Usage {
  /** Of all threads since the process began. */
  readonly cpuMicros: number
  readonly rssBytes: number
  readonly heapBytes: number
}

export type Question =
  | { readonly _tag: "Usage" }
  /** As `Usage`, after what is garbage has been collected: costs the code that was made fast, so for memory alone. */
  | { readonly _tag: "Settled"; readonly pauseMs: number }
  /** That so many events happen, at once. */
  | { readonly _tag: "Tell"; readonly count: number }

const usage = (): Usage => {
  const { system, user } = process.cpuUsage()
  const { external, heapUsed, rss } = process.memoryUsage()
  return { cpuMicros: user + system, rssBytes: rss, heapBytes: heapUsed + external }
}

process.on("message", async (question: Question) => {
  if (question._tag === "Settled") {
    globalThis.gc?.()
    await sleep(question.pauseMs)
    globalThis.gc?.()
  }
  if (question._tag !== "Tell") process.send?.(usage())
})
process.on("disconnect", () => process.exit())
