/**
 * YoungGeneration: bounds the part of V8's heap in which new objects live. When thousands of clients connect at once, most
 * new objects survive, and V8 lets this part grow to 64 MB. The process never returns that memory, even if V8 uses less of
 * it later. Serve.ts sets the bound. Programs that embed the gateway choose V8's options themselves.
 */
import { PerformanceObserver } from "node:perf_hooks"
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"

/** Twice `--max-semi-space-size=8`. Turns and calls take no more processor time than with V8's own bound. */
const MAX_BYTES = 16 * 1_048_576

const bytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space")?.space_size ?? 0

/** Stops the growth after the garbage collection that reaches the bound. V8 reads its own option only at the start. */
export const limit = (): void => {
  const observer = new PerformanceObserver(() => {
    if (bytes() < MAX_BYTES) return
    setFlagsFromString("--semi-space-growth-factor=1")
    observer.disconnect()
  })
  observer.observe({ entryTypes: ["gc"] })
}
