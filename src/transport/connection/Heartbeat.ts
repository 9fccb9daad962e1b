/**
 * Heartbeat: decides whether a client is still there. Any received byte is a sign of life. A client that is silent for one
 * period gets a ping, and is lost if it stays silent for another. ConnectionActor.ts checks it.
 */
export class Heartbeat {
  readonly #periodMs: number
  #bytes = 0
  #silentSinceMs: number
  #pinged = false

  constructor(periodMs: number, nowMs: number) {
    this.#periodMs = periodMs
    this.#silentSinceMs = nowMs
  }

  /** `bytesRead`: total of the socket. `nowMs`: time on the monotonic clock. */
  check(bytesRead: number, nowMs: number): "alive" | "silent" | "ping" | "lost" {
    if (bytesRead !== this.#bytes) {
      this.#bytes = bytesRead
      this.#silentSinceMs = nowMs
      this.#pinged = false
      return "alive"
    }
    const silentMs = nowMs - this.#silentSinceMs
    if (silentMs >= 2 * this.#periodMs) return this.#pinged ? "lost" : this.#ping()
    return silentMs >= this.#periodMs && !this.#pinged ? this.#ping() : "silent"
  }

  #ping(): "ping" {
    this.#pinged = true
    return "ping"
  }
}
