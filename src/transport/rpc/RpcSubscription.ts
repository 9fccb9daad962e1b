/**
 * One `events.subscribe` of the native wire: its chunks come from the fan-out, encoded once for all who follow alike.
 * An Ack says that a chunk has been taken. A client that acknowledges has a window: beyond it, what happens waits for
 * it in the log, so that a reader that takes its time holds up its own stream and no other call of its connection. One
 * that acknowledges nothing is held back by its socket alone.
 */
import * as Effect from "effect/Effect"
import type { EventFilter, Position } from "../../domain/Event.ts"
import type { Fanout, Subscription } from "../fanout/Fanout.ts"
import type { Sink } from "../fanout/SubscriberGroups.ts"
import type { Merge } from "../connection/Outbox.ts"
import type { Backpressure, EventSender } from "../connection/Peer.ts"

/** Bytes sent and not acknowledged; as much as an HTTP/2 stream has. */
const WINDOW_BYTES = 65_536

export class RpcSubscription implements Sink {
  readonly #peer: EventSender & Backpressure
  readonly #followed: Subscription
  readonly isBackpressured = false
  #acknowledges = false
  /** Chunks sent before the first Ack told that there are any. */
  #uncounted = 0
  /** The bytes of those sent since and not acknowledged, oldest first. */
  readonly #underWay: Array<number> = []
  #bytesUnderWay = 0
  #onAck: (() => void) | undefined = undefined

  /** `key`: the request's id, as the frames have it. */
  constructor(
    peer: EventSender & Backpressure,
    fanout: Fanout<string>,
    key: string,
    filter: EventFilter,
    from: Position | undefined,
  ) {
    this.#peer = peer
    this.#followed = fanout.subscribe(this, key, filter, from, () => Effect.void)
  }

  /** Brings the client to the present and goes on with what happens, until interrupted. */
  get life(): Effect.Effect<never> {
    return this.#followed.life
  }

  /** The position that the client has of this, as far as it was handed to the outbox. */
  sentSeq(): number {
    return this.#followed.position().seq
  }

  acknowledged(): void {
    this.#acknowledges = true
    if (this.#uncounted > 0) this.#uncounted--
    else this.#bytesUnderWay -= this.#underWay.shift() ?? 0
    this.#onAck?.()
  }

  // The fan-out's side

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
    if (this.#acknowledges) {
      // Which of frames that are sent together an Ack is for makes no difference.
      for (let i = 0; i < count; i++) this.#underWay.push(frames.length / count)
      this.#bytesUnderWay += frames.length
    } else {
      this.#uncounted += count
    }
    this.#peer.sendShared(frames, count, seq)
  }

  sendLatest(key: string, text: string, seq?: number): void {
    this.#peer.sendLatest(key, text, seq)
  }

  sendAppended<A>(key: string, value: A, by: Merge<A>, seq?: number): void {
    this.#peer.sendAppended(key, value, by, seq)
  }

  #isWindowFull(): boolean {
    return this.#acknowledges && this.#bytesUnderWay >= WINDOW_BYTES
  }
}
