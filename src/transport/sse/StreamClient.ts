/**
 * StreamClient: the client of one response that lasts. Its socket takes the shared bytes of the fan-out. While the socket is
 * full, the client gets nothing, and then catches up from the log. EventStreams.ts makes one for each request.
 */
import * as Effect from "effect/Effect"
import type { Merge } from "../connection/Outbox.ts"
import type { Sink } from "../fanout/Subscriber.ts"

/** The part of Node's response that a client needs. */
interface Response {
  readonly writable: boolean
  readonly writableNeedDrain: boolean
  readonly writableLength: number
  write(bytes: Uint8Array): boolean
  end(text: string): unknown
  once(event: "drain", listener: () => void): unknown
  off(event: "drain", listener: () => void): unknown
}

export class StreamClient implements Sink {
  /** The client's number in the list of connections. */
  number = 0
  readonly #response: Response

  constructor(response: Response) {
    this.#response = response
  }

  get full(): boolean {
    return this.#response.writableNeedDrain || !this.#response.writable
  }

  get isBackpressured(): boolean {
    return this.full
  }

  /** Bytes that the socket has not taken. */
  get bytes(): number {
    return this.#response.writableLength
  }

  awaitWritable(): Effect.Effect<void> {
    if (!this.full) return Effect.void
    return Effect.callback((resume) => {
      const go = () => resume(Effect.void)
      this.#response.once("drain", go)
      return Effect.sync(() => this.#response.off("drain", go))
    })
  }

  sendShared(bytes: Buffer): void {
    if (this.#response.writable) this.#response.write(bytes)
  }

  /** Drops the text: only signs of life come here while the socket is full, and it has more to send. */
  sendLatest(): void {}

  sendAppended<A>(_key: string, value: A, by: Merge<A>): void {
    this.sendShared(Buffer.from(by.render(value)))
  }

  /** Sends the last text and ends the response. */
  end(text: string): void {
    if (this.#response.writable) this.#response.end(text)
  }
}
