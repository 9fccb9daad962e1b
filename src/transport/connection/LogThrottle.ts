/**
 * Bounds the log lines that clients cause: in each window one line for each source and reason, few for one source, and
 * a number over all. Counts the rest. Pure: the caller brings the time. Used by RefusalLog.ts.
 */

const WINDOW_MS = 60_000
const LINES_PER_SOURCE = 10
const LINES = 100

export interface Verdict {
  readonly isLogged: boolean
  /** How many the window that has just ended left out; it is said once. */
  readonly leftOut: number
}

export class LogThrottle {
  #windowBegan = Number.NEGATIVE_INFINITY
  #leftOut = 0
  readonly #logged = new Set<string>()
  readonly #linesOf = new Map<string, number>()

  take(source: string, reason: string, nowMs: number): Verdict {
    const leftOut = nowMs - this.#windowBegan >= WINDOW_MS ? this.#begin(nowMs) : 0
    const key = `${source} ${reason}`
    const lines = this.#linesOf.get(source) ?? 0
    if (this.#logged.has(key) || lines >= LINES_PER_SOURCE || this.#logged.size >= LINES) {
      this.#leftOut++
      return { isLogged: false, leftOut }
    }
    this.#logged.add(key)
    this.#linesOf.set(source, lines + 1)
    return { isLogged: true, leftOut }
  }

  #begin(nowMs: number): number {
    const leftOut = this.#leftOut
    this.#windowBegan = nowMs
    this.#leftOut = 0
    this.#logged.clear()
    this.#linesOf.clear()
    return leftOut
  }
}
