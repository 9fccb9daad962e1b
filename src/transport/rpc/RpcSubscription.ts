/**
 * RpcSubscription: one `events.subscribe` of the native wire. The fan-out sends its chunks and encodes each event once for
 * all subscribers. RpcSession.ts makes one for each call.
 *
 * A client that acknowledges chunks has a window of unacknowledged bytes. Beyond it, events wait in the log, and the other
 * calls of the connection go on. Only the socket limits a client that acknowledges nothing.
 */
import * as Effect from "effect/Effect"
import type { EventFilter, Position } from "../../domain/Event.ts"
import type { Fanout } from "../fanout/Fanout.ts"
import type { Sink } from "../fanout/Subscriber.ts"
import type { Subscription } from "../fanout/Subscription.ts"
import type { Merge } from "../connection/Outbox.ts"
import type { Backpressure, EventSender } from "../connection/Peer.ts"

/** Bytes of unacknowledged chunks: the default window of an HTTP/2 stream (RFC 9113 6.9.2). */
const WINDOW_BYTES = 65_536

export class RpcSubscription implements Sink {
  readonly #peer: EventSender & Backpressure
  readonly #subscription: Subscription<string>
  readonly isBackpressured = false
  #acknowledges = false
  /** Unacknowledged chunks from the time before the first Ack. They do not count towards the window. */
  #chunksBeforeFirstAck = 0
  /** The bytes of each later unacknowledged chunk, oldest first. */
  readonly #unacknowledged: Array<number> = []
  #unacknowledgedBytes = 0
  #onAck: (() => void) | undefined = undefined

  /** `key`: the JSON of the request's id. */
  constructor(
    peer: EventSender & Backpressure,
    fanout: Fanout<string>,
    key: string,
    filter: EventFilter,
    from: Position | undefined,
  ) {
    this.#peer = peer
    this.#subscription = fanout.subscribe(this, key, filter, from)
  }

  /** Catches up and serves live events until it is interrupted. */
  get life(): Effect.Effect<never> {
    return this.#subscription.life
  }

  /** Returns the position up to which the outbox has every event of the subscription. */
  sentSeq(): number {
    return this.#subscription.position().seq
  }

  /** The client has acknowledged its oldest chunk. */
  acknowledged(): void {
    this.#acknowledges = true
    if (this.#chunksBeforeFirstAck > 0) this.#chunksBeforeFirstAck--
    else this.#unacknowledgedBytes -= this.#unacknowledged.shift() ?? 0
    this.#onAck?.()
  }

  get full(): boolean {
    return this.#peer.isBackpressured || this.#isWindowFull()
  }

  awaitWritable(): Effect.Effect<void> {
    if (!this.#isWindowFull()) return this.#peer.awaitWritable()
    const acknowledged = Effect.callback<void>((resume) => {
      this.#onAck = () => resume(Effect.void)
    })
    return Effect.flatMap(acknowledged, () => this.awaitWritable())
  }

  sendShared(frames: Buffer, count: number, seq?: number): void {
    this.#count(frames, count)
    this.#peer.sendShared(frames, count, seq)
  }

  sendLive(frames: Buffer, count: number, seq?: number): void {
    this.#count(frames, count)
    this.#peer.sendLive(frames, count, seq)
  }

  /** Counts chunks towards the window. */
  #count(frames: Buffer, count: number): void {
    if (this.#acknowledges) {
      // Each of these chunks counts as an equal part: together they free the same window.
      for (let i = 0; i < count; i++) this.#unacknowledged.push(frames.length / count)
      this.#unacknowledgedBytes += frames.length
    } else {
      this.#chunksBeforeFirstAck += count
    }
  }

  sendLatest(key: string, text: string, seq?: number): void {
    this.#peer.sendLatest(key, text, seq)
  }

  sendAppended<A>(key: string, value: A, by: Merge<A>, seq?: number): void {
    this.#peer.sendAppended(key, value, by, seq)
  }

  #isWindowFull(): boolean {
    return this.#acknowledges && this.#unacknowledgedBytes >= WINDOW_BYTES
  }
}
