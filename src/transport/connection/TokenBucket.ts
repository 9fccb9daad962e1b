/**
 * TokenBucket: limits messages per second, and allows as many at once after a pause. The caller passes the time of the
 * monotonic clock. Each ConnectionPeer has one.
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

  /** Takes a token. Returns false if none is left. */
  take(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Milliseconds until the next token. */
  get retryAfterMs(): number {
    return Math.max(1, Math.ceil(((1 - this.#tokens) * 1_000) / Math.max(1, this.#perSecond)))
  }
}
