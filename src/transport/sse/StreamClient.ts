/**
 * StreamClient: the client of one response that lasts. Its socket takes the shared bytes of the fan-out. While the socket is
 * full, the client gets nothing, and then catches up from the log. EventStreams.ts makes one for each request.
 */
import * as Effect from "effect/Effect"
import type { Merge } from "../connection/Outbox.ts"
import type { Sink } from "../fanout/Subscriber.ts"

/** The part of Node's sockets and responses that a client needs. */
interface Output {
  readonly writable: boolean
  readonly writableNeedDrain: boolean
  readonly writableLength: number
  write(bytes: Uint8Array): boolean
  once(event: "drain", listener: () => void): unknown
  off(event: "drain", listener: () => void): unknown
}

/** A response without chunks, whose body is the bytes on its socket. */
interface Response extends Output {
  /** `null` while the response waits for that of an earlier request. */
  readonly socket: Output | null
  end(text: string): unknown
}

export class StreamClient implements Sink {
  /** The client's number in the list of connections. */
  number = 0
  readonly #response: Response
  /** The response writes its head with the first bytes. The socket takes the later ones, which costs less. */
  #output: Output
  #isEnded = false

  constructor(response: Response) {
    this.#response = this.#output = response
  }

  get full(): boolean {
    return this.#isEnded || this.#output.writableNeedDrain || !this.#output.writable
  }

  get isBackpressured(): boolean {
    return this.full
  }

  /** Bytes that the socket has not taken. */
  get bytes(): number {
    return this.#output.writableLength
  }

  awaitWritable(): Effect.Effect<void> {
    if (!this.full) return Effect.void
    return Effect.callback((resume) => {
      const output = this.#output
      const go = () => resume(Effect.void)
      output.once("drain", go)
      return Effect.sync(() => output.off("drain", go))
    })
  }

  sendShared(bytes: Buffer): void {
    if (this.#isEnded || !this.#output.writable) return
    this.#output.write(bytes)
    if (this.#output === this.#response) this.#output = this.#response.socket ?? this.#response
  }

  sendLive(bytes: Buffer): void {
    this.sendShared(bytes)
  }

  /** Drops the text: only signs of life come here while the socket is full, and it has more to send. */
  sendLatest(): void {}

  sendAppended<A>(_key: string, value: A, by: Merge<A>): void {
    this.sendShared(Buffer.from(by.render(value)))
  }

  /** Sends the last text and ends the response. */
  end(text: string): void {
    if (this.#isEnded || !this.#output.writable) return
    this.#isEnded = true
    this.#response.end(text)
  }
}
