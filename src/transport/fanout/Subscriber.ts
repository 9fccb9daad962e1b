/**
 * Subscriber: one subscription of one client, as the fan-out serves it. It is live, or it catches up with its reader.
 * SubscriberGroups.ts sends live events to it, and CatchUp.ts all others.
 */
import * as Effect from "effect/Effect"
import type { ResetReason } from "../../domain/Event.ts"
import type { EventReader } from "../../services/events/EventReader.ts"
import type { Backpressure, EventSender } from "../connection/Peer.ts"
import type { EncodedEvent } from "./EncodedEvent.ts"

/** The receiver of a subscription: a connection, or one of several subscriptions on it. */
export interface Sink extends EventSender, Pick<Backpressure, "awaitWritable"> {
  /** Whether the sink accepts nothing before it is writable again. The subscriber catches up afterwards. */
  readonly full?: boolean
}

export class Subscriber {
  readonly sink: Sink
  /** Reads what the subscriber misses while it is not live. */
  readonly reader: EventReader<EncodedEvent>
  /** The outbox has every event up to this position. */
  seq: number
  /** Why some events could not be replayed. */
  reset: ResetReason | null = null
  #isLive = false
  #wake: (() => void) | undefined = undefined

  constructor(sink: Sink, reader: EventReader<EncodedEvent>, seq: number) {
    this.sink = sink
    this.reader = reader
    this.seq = seq
  }

  /** Whether the group sends events to the sink as they happen. */
  get isLive(): boolean {
    return this.#isLive
  }

  goLive(): void {
    this.#isLive = true
  }

  /** Ends the live phase. The subscriber has every event up to the position. */
  detach(seq: number): void {
    this.seq = Math.max(this.seq, seq)
    this.reader.cursor = this.seq
    this.#isLive = false
  }

  /** Calls the function of `whenDetached`. */
  wake(): void {
    this.#wake?.()
  }

  /** Calls the function when the subscriber is not live any more. A live subscriber needs no fiber meanwhile. */
  whenDetached(call: () => void): void {
    if (!this.#isLive) return call()
    this.#wake = call
  }

  /** Waits until the subscriber is not live any more. */
  detached(): Effect.Effect<void> {
    return Effect.callback((resume) => this.whenDetached(() => resume(Effect.void)))
  }
}
