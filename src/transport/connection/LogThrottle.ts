/**
 * LogThrottle: bounds the log lines that clients cause. Each minute has one line for each source and reason, 10 lines for
 * one source and 100 over all. It counts the lines that it suppresses. RefusalLog.ts uses it.
 */

const WINDOW_MS = 60_000
const LINES_PER_SOURCE = 10
const LINES = 100

export interface Verdict {
  readonly isLogged: boolean
  /** Lines suppressed in the window that has just ended. Positive once for each window. */
  readonly suppressed: number
}

export class LogThrottle {
  #windowStart = Number.NEGATIVE_INFINITY
  #suppressed = 0
  readonly #logged = new Set<string>()
  readonly #linesOf = new Map<string, number>()

  take(source: string, reason: string, nowMs: number): Verdict {
    const suppressed = nowMs - this.#windowStart >= WINDOW_MS ? this.#startWindow(nowMs) : 0
    const key = `${source} ${reason}`
    const lines = this.#linesOf.get(source) ?? 0
    if (this.#logged.has(key) || lines >= LINES_PER_SOURCE || this.#logged.size >= LINES) {
      this.#suppressed++
      return { isLogged: false, suppressed }
    }
    this.#logged.add(key)
    this.#linesOf.set(source, lines + 1)
    return { isLogged: true, suppressed }
  }

  #startWindow(nowMs: number): number {
    const suppressed = this.#suppressed
    this.#windowStart = nowMs
    this.#suppressed = 0
    this.#logged.clear()
    this.#linesOf.clear()
    return suppressed
  }
}
