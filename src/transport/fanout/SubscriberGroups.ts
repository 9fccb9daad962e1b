/**
 * SubscriberGroups: subscribers that get the same frames. A group sends each batch to the outboxes of its live
 * subscribers, as shared bytes where it can, and keeps it in its backlog for those that are catching up. Fanout.ts and
 * CatchUp.ts use it.
 */
import type { EventFilter } from "../../domain/Event.ts"
import { textFrame } from "../connection/WebSocketFrames.ts"
import type { EventEncoding, Frame } from "../dialect/Dialect.ts"
import type { Backlog } from "./Backlog.ts"
import { type EncodedEvent, type EncodedFrame, FRAME_CHARS } from "./EncodedEvent.ts"
import type { Sink, Subscriber } from "./Subscriber.ts"

/** The subscribers with the same view and filter. */
export class Group<V> {
  readonly view: V
  readonly filter: EventFilter
  readonly backlog: Backlog
  readonly #subscribers = new Set<Subscriber>()
  readonly #key: string
  readonly #frame: EventEncoding<V>["frame"]
  readonly #toBytes: (frame: string) => Buffer

  constructor(
    view: V,
    filter: EventFilter,
    encoding: Pick<EventEncoding<V>, "frame" | "viewKey" | "bytes">,
    backlog: Backlog,
  ) {
    this.view = view
    this.filter = filter
    this.backlog = backlog
    this.#key = encoding.viewKey(view)
    this.#frame = encoding.frame
    this.#toBytes = encoding.bytes ?? textFrame
  }

  get isEmpty(): boolean {
    return this.#subscribers.size === 0
  }

  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber)
    this.backlog.hold(subscriber.reader)
  }

  remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber)
    this.backlog.release(subscriber.reader)
  }

  /** Makes the subscriber live if it has every event that the group has sent. Returns whether it is live. */
  goLive(subscriber: Subscriber): boolean {
    const { reader } = subscriber
    if (!reader.isAtHead) {
      this.backlog.hold(reader)
      return false
    }
    subscriber.goLive()
    this.backlog.release(reader)
    return true
  }

  /** Sends the batch to every live subscriber: one Buffer for all that stand at the same position. */
  deliver(batch: ReadonlyArray<EncodedEvent>): void {
    const first = batch[0]!.at
    const last = batch.at(-1)!.at
    const runs = this.runs(batch)
    let detached: Array<Subscriber> | undefined
    let whole: Buffer | undefined
    for (const subscriber of this.#subscribers) {
      const { sink } = subscriber
      if (!subscriber.isLive) continue
      if (sink.full === true) {
        subscriber.detach(first - 1)
        this.backlog.hold(subscriber.reader)
        detached ??= []
        detached.push(subscriber)
      } else if (subscriber.seq < first && !sink.isBackpressured) {
        whole ??= runs.length === 1 ? this.#bytesOf(runs[0]!) : Buffer.concat(runs.map((run) => this.#bytesOf(run)))
        sink.sendLive(whole, runs.length, first)
        subscriber.seq = last
      } else {
        for (const event of batch) if (event.at > subscriber.seq) this.send(sink, [event])
        subscriber.seq = Math.max(subscriber.seq, last)
      }
    }
    this.backlog.push(batch)
    // They may read at once.
    for (const subscriber of detached ?? []) subscriber.wake()
  }

  /** Sends a frame without a position to every subscriber. */
  publish(frame: Frame): void {
    const encoded: EncodedFrame = { frame, seq: undefined, bytes: undefined }
    for (const { sink } of this.#subscribers) this.send(sink, [encoded])
  }

  /** Sends a frame without a position to every live subscriber. The others get its content when they catch up. */
  publishLive(frame: Frame): void {
    const encoded: EncodedFrame = { frame, seq: undefined, bytes: undefined }
    for (const { isLive, sink } of this.#subscribers) if (isLive) this.send(sink, [encoded])
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
    return this.#toBytes(this.#frame === undefined ? texts.join("") : this.#frame(this.view, texts))
  }
}

/** The id of the group that a subscriber with this view and filter belongs to. */
export const groupId = (viewKey: string, filter: EventFilter): string => `${viewKey}\n${JSON.stringify(filter)}`

const firstSeq = (run: ReadonlyArray<EncodedFrame>): number | undefined => run.find(({ seq }) => seq !== undefined)?.seq
