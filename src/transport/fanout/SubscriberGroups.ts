/**
 * SubscriberGroups: subscribers that get the same frames. A group sends each batch to the outboxes of its live
 * subscribers, as shared bytes where it can, and buffers it for those that are catching up. Fanout.ts and CatchUp.ts use
 * it.
 */
import * as Effect from "effect/Effect"
import type { EventFilter, ResetReason } from "../../domain/Event.ts"
import { textFrame } from "../connection/WebSocketFrames.ts"
import type { Backpressure, EventSender } from "../connection/Peer.ts"
import type { EventEncoding, Frame } from "../dialect/Dialect.ts"

/** Frames, and characters in them, that are buffered for one subscriber. Beyond them it reads the log again. */
const BUFFERED_FRAMES = 4_096
const BUFFERED_CHARS = 4_194_304

/** Batches longer than this, in characters, are split into several frames. */
const FRAME_CHARS = 65_536

/** The receiver of a subscription: a connection, or one of several subscriptions on it. */
export interface Sink extends EventSender, Pick<Backpressure, "awaitWritable"> {
  /** Whether the sink accepts nothing before it is writable again. The subscriber is detached meanwhile. */
  readonly full?: boolean
}

export interface EncodedFrame {
  readonly frame: Frame
  /** The position of its event. A client that misses the frame resumes before it. `undefined`: it has no position. */
  readonly seq: number | undefined
  /** The frame's bytes, made when they are first needed and shared by all subscribers. */
  bytes: Buffer | undefined
}

export interface EncodedEvent extends EncodedFrame {
  /** The position that a subscriber reaches with it. */
  readonly at: number
}

export class Subscriber {
  readonly sink: Sink
  /** The outbox has every event up to this position. */
  seq: number
  /** The events since the start of the catch-up. `undefined`: the subscriber is live. */
  buffered: Array<EncodedEvent> | undefined = []
  /** The buffer was too small, so it is empty and the subscriber must read the log again. */
  overflowed = false
  /** Why some events could not be replayed. */
  reset: ResetReason | null = null
  #bufferedChars = 0
  #wake: (() => void) | undefined = undefined

  constructor(sink: Sink, seq: number) {
    this.sink = sink
    this.seq = seq
  }

  get isLive(): boolean {
    return this.buffered === undefined
  }

  startBuffering(): void {
    this.buffered = []
    this.#bufferedChars = 0
    this.overflowed = false
  }

  buffer(batch: ReadonlyArray<EncodedEvent>): void {
    if (this.buffered === undefined || this.overflowed) return
    for (const { frame } of batch) this.#bufferedChars += frame.text.length
    this.overflowed = this.buffered.length + batch.length > BUFFERED_FRAMES || this.#bufferedChars > BUFFERED_CHARS
    if (this.overflowed) this.buffered = []
    else this.buffered.push(...batch)
  }

  /** Ends the live phase before the batch, and buffers it. */
  detach(batch: ReadonlyArray<EncodedEvent>): void {
    this.seq = Math.max(this.seq, batch[0]!.at - 1)
    this.startBuffering()
    this.buffer(batch)
    this.#wake?.()
  }

  /** Returns and clears the buffer. If it was empty, the subscriber is live from here on. */
  takeBuffered(): ReadonlyArray<EncodedEvent> {
    const buffered = this.buffered ?? []
    this.buffered = buffered.length === 0 ? undefined : []
    this.#bufferedChars = 0
    return buffered
  }

  /** Waits until the subscriber is not live any more. */
  detached(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.buffered !== undefined) return resume(Effect.void)
      this.#wake = () => resume(Effect.void)
    })
  }
}

/** The subscribers with the same view and filter. */
export class Group<V> {
  readonly view: V
  readonly filter: EventFilter
  readonly subscribers = new Set<Subscriber>()
  readonly #key: string
  readonly #frame: EventEncoding<V>["frame"]

  constructor(view: V, filter: EventFilter, encoding: Pick<EventEncoding<V>, "frame" | "viewKey">) {
    this.view = view
    this.filter = filter
    this.#key = encoding.viewKey(view)
    this.#frame = encoding.frame
  }

  /** Sends the batch to every live subscriber: one Buffer for all that stand at the same position. */
  deliver(batch: ReadonlyArray<EncodedEvent>): void {
    const first = batch[0]!.at
    const last = batch.at(-1)!.at
    const runs = this.runs(batch)
    let whole: Buffer | undefined
    for (const subscriber of this.subscribers) {
      const { buffered, sink } = subscriber
      if (buffered !== undefined) {
        subscriber.buffer(batch)
      } else if (sink.full === true) {
        subscriber.detach(batch)
      } else if (subscriber.seq < first && !sink.isBackpressured) {
        whole ??= runs.length === 1 ? this.#bytesOf(runs[0]!) : Buffer.concat(runs.map((run) => this.#bytesOf(run)))
        sink.sendShared(whole, runs.length, first)
        subscriber.seq = last
      } else {
        for (const event of batch) if (event.at > subscriber.seq) this.send(sink, [event])
        subscriber.seq = Math.max(subscriber.seq, last)
      }
    }
  }

  /** Sends a frame without a position to every subscriber. */
  publish(frame: Frame): void {
    const encoded: EncodedFrame = { frame, seq: undefined, bytes: undefined }
    for (const { sink } of this.subscribers) this.send(sink, [encoded])
  }

  /** Sends a frame without a position to every live subscriber. The others get its content when they catch up. */
  publishLive(frame: Frame): void {
    const encoded: EncodedFrame = { frame, seq: undefined, bytes: undefined }
    for (const { isLive, sink } of this.subscribers) if (isLive) this.send(sink, [encoded])
  }

  /** Splits a batch into the parts that are one frame each. */
  runs<E extends EncodedFrame>(batch: ReadonlyArray<E>): ReadonlyArray<ReadonlyArray<E>> {
    if (this.#frame === undefined) return batch.map((event) => [event])
    const runs: Array<Array<E>> = []
    let chars = Number.POSITIVE_INFINITY
    for (const event of batch) {
      chars += event.frame.text.length
      if (chars <= FRAME_CHARS) runs.at(-1)!.push(event)
      else {
        runs.push([event])
        chars = event.frame.text.length
      }
    }
    return runs
  }

  /** Sends one run, which is one frame. */
  send(sink: Sink, run: ReadonlyArray<EncodedFrame>): void {
    const { frame, seq } = run[0]!
    // A client that keeps up gets the shared bytes. Policies matter only for frames that wait.
    if (frame.policy === "must" || !sink.isBackpressured) return sink.sendShared(this.#bytesOf(run), 1, firstSeq(run))
    // One connection may have several subscriptions, and their keys must not meet.
    const key = `${this.#key}\n${frame.key}`
    if (frame.policy === "latest") sink.sendLatest(key, frame.text, seq)
    else sink.sendAppended(key, frame.value, frame.by, seq)
  }

  #bytesOf(run: ReadonlyArray<EncodedFrame>): Buffer {
    const [only] = run
    if (run.length > 1 || only === undefined) return this.#encode(run)
    return (only.bytes ??= this.#encode(run))
  }

  #encode(run: ReadonlyArray<EncodedFrame>): Buffer {
    const texts = run.map(({ frame }) => frame.text)
    return textFrame(this.#frame === undefined ? texts.join("") : this.#frame(this.view, texts))
  }
}

/** The id of the group that a subscriber with this view and filter belongs to. */
export const groupId = (viewKey: string, filter: EventFilter): string => `${viewKey}\n${JSON.stringify(filter)}`

const firstSeq = (run: ReadonlyArray<EncodedFrame>): number | undefined => run.find(({ seq }) => seq !== undefined)?.seq
