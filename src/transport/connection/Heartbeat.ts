/**
 * Whether a client is still there. Any byte that comes counts as a sign of life; a silent client is asked, and given up
 * when it stays silent as long again. Pure: the caller brings the count of bytes and the time.
 */
export class Heartbeat {
  readonly #periodMs: number
  #bytes = 0
  #silentSinceMs: number
  #asked = false

  constructor(periodMs: number, nowMs: number) {
    this.#periodMs = periodMs
    this.#silentSinceMs = nowMs
  }

  look(bytesRead: number, nowMs: number): "alive" | "silent" | "ask" | "lost" {
    if (bytesRead !== this.#bytes) {
      this.#bytes = bytesRead
      this.#silentSinceMs = nowMs
      this.#asked = false
      return "alive"
    }
    const silentMs = nowMs - this.#silentSinceMs
    if (silentMs >= 2 * this.#periodMs) return this.#asked ? "lost" : this.#ask()
    return silentMs >= this.#periodMs && !this.#asked ? this.#ask() : "silent"
  }

  #ask(): "ask" {
    this.#asked = true
    return "ask"
  }
}
