/**
 * YoungGeneration: bounds the part of V8's heap in which new objects live, while clients connect. When thousands connect at
 * once, most new objects survive, and V8 would let this part grow to 64 MB and more. The process never returns that memory.
 * Serve.ts sets the bound. Programs that embed the gateway choose V8's options themselves.
 *
 * Without new clients, V8 chooses the size. A fixed bound may make turns take more processor time.
 */
import { PerformanceObserver } from "node:perf_hooks"
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"

const MAX_BYTES = 16 * 1_048_576

const bytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space")?.space_size ?? 0

/** Decides after each garbage collection whether the next one may grow the young generation. */
export const limit = (connections: () => number): void => {
  let before = connections()
  let factor = 2
  const observer = new PerformanceObserver(() => {
    const now = connections()
    const next = now > before && bytes() >= MAX_BYTES ? 1 : 2
    if (next !== factor) setFlagsFromString(`--semi-space-growth-factor=${next}`)
    factor = next
    before = now
  })
  observer.observe({ entryTypes: ["gc"] })
}
