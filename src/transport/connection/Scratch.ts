/**
 * Scratch: one Buffer for the frames of a write, which all connections use in turn. The socket of a client that keeps up has
 * taken the bytes when its write returns, so the next write may overwrite them. SocketWriter.ts uses it.
 */

/** Room for a burst of events. A slow client keeps as much until it has read the write. */
const SCRATCH_BYTES = 32_768

/** Smaller Buffers come from Node's pool, which is as cheap, and of which a slow client keeps less. */
const LARGE_BYTES = 4_096

export class Scratch {
  #bytes: Buffer | undefined = undefined
  #used = 0

  /** Returns a Buffer of the length, which belongs to the caller until `release`. */
  take(length: number): Buffer {
    if (length < LARGE_BYTES || this.#used + length > SCRATCH_BYTES) return Buffer.allocUnsafe(length)
    this.#bytes ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES)
    return this.#bytes.subarray(this.#used, (this.#used += length))
  }

  /** Ends the write. `isTaken`: the socket needs the bytes no more. */
  release(isTaken: boolean): void {
    if (!isTaken && this.#used > 0) this.#bytes = undefined
    this.#used = 0
  }
}
