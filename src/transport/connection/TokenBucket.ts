/**
 * A token bucket: how many messages a second, with as many at once after a pause. Pure: the caller brings the time,
 * from a clock that only goes forward.
 */
export class TokenBucket {
  readonly #perSecond: number
  #tokens: number
  #at: number

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#tokens = perSecond
    this.#at = nowMs
  }

  refill(nowMs: number): void {
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((nowMs - this.#at) * this.#perSecond) / 1_000)
    this.#at = nowMs
  }

  /** Whether one more may pass. */
  take(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Until the next one may pass. */
  get retryAfterMs(): number {
    return Math.max(1, Math.ceil(((1 - this.#tokens) * 1_000) / Math.max(1, this.#perSecond)))
  }
}
