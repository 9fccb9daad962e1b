/**
 * Groups of followers: all who are told the same frames. What is told goes to the outbox of each, shared where it can be,
 * and is held for those who are still being told the past or take no more for now. It words nothing and knows no event.
 */
import * as Effect from "effect/Effect"
import type { EventFilter, ResetReason } from "../../domain/Event.ts"
import type { Dialect, Frame } from "../dialect/Dialect.ts"
import { textFrame } from "../connection/WebSocketFrames.ts"
import type { Backpressure, EventSender } from "../connection/Peer.ts"

/** Frames, and characters of them, held for one follower that is not in the present. More: it is joined anew. */
const BUFFERED_FRAMES = 4_096
const BUFFERED_CHARS = 4_194_304

/** Characters from which on texts that are told at once are not one frame any more. */
const FRAME_CHARS = 65_536

/** Who is told: a connection, or one of several listeners on it. */
export interface Sink extends EventSender, Pick<Backpressure, "awaitWritable"> {
  /** It is sent nothing more before it has room: what happens meanwhile is held. */
  readonly full?: boolean
}

export interface EncodedFrame {
  readonly told: Frame
  /** Its position, where a client that has not got it must resume before it. */
  readonly seq: number | undefined
  /** The frame's bytes, made when first needed and shared by all. */
  bytes: Buffer | undefined
}

export interface EncodedEvent extends EncodedFrame {
  /** The position that is reached with it. */
  readonly at: number
}

export class Subscriber {
  readonly listener: Sink
  /** Everything up to it was handed to the outbox. */
  seq: number
  /** What happens while the past is still being told; undefined: the follower is in the present. */
  buffered: Array<EncodedEvent> | undefined = []
  /** More happened than can be held, so that nothing is. */
  overflowed = false
  #heldChars = 0
  /** Not all of the past could be told. */
  reset: ResetReason | null = null
  #wake: (() => void) | undefined = undefined

  constructor(listener: Sink, seq: number) {
    this.listener = listener
    this.seq = seq
  }

  /** From now on it is held what happens. */
  startBuffering(): void {
    this.buffered = []
    this.#heldChars = 0
    this.overflowed = false
  }

  buffer(batch: ReadonlyArray<EncodedEvent>): void {
    if (this.buffered === undefined || this.overflowed) return
    for (const { told } of batch) this.#heldChars += told.text.length
    this.overflowed = this.buffered.length + batch.length > BUFFERED_FRAMES || this.#heldChars > BUFFERED_CHARS
    if (this.overflowed) this.buffered = []
    else this.buffered.push(...batch)
  }

  /** Out of the present: everything before the batch was told. */
  detach(batch: ReadonlyArray<EncodedEvent>): void {
    this.seq = Math.max(this.seq, batch[0]!.at - 1)
    this.startBuffering()
    this.buffer(batch)
    this.#wake?.()
  }

  /** What was held, which is the caller's now; nothing: from here on the follower is in the present. */
  takeBuffered(): ReadonlyArray<EncodedEvent> {
    const held = this.buffered ?? []
    this.buffered = held.length === 0 ? undefined : []
    this.#heldChars = 0
    return held
  }

  /** Returns when the follower has fallen out of the present. */
  detached(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.buffered !== undefined) return resume(Effect.void)
      this.#wake = () => resume(Effect.void)
    })
  }
}

/** All who get the same frames. */
export class Group {
  readonly key: string
  readonly filter: EventFilter
  readonly subscribers = new Set<Subscriber>()
  readonly #frame: Dialect["frame"]

  constructor(key: string, filter: EventFilter, frame: Dialect["frame"]) {
    this.key = key
    this.filter = filter
    this.#frame = frame
  }

  /** The same bytes for everybody who is at the same place: one Buffer for the whole batch. */
  deliver(batch: ReadonlyArray<EncodedEvent>): void {
    const first = batch[0]!.at
    const last = batch.at(-1)!.at
    const runs = this.runs(batch)
    let whole: Buffer | undefined
    for (const follower of this.subscribers) {
      const { buffered: held, listener } = follower
      if (held !== undefined) {
        follower.buffer(batch)
      } else if (listener.full === true) {
        follower.detach(batch)
      } else if (follower.seq < first && !listener.isBackpressured) {
        whole ??= runs.length === 1 ? this.#bytesOf(runs[0]!) : Buffer.concat(runs.map((run) => this.#bytesOf(run)))
        listener.sendShared(whole, runs.length, first)
        follower.seq = last
      } else {
        for (const worded of batch) if (worded.at > follower.seq) this.send(listener, [worded])
        follower.seq = Math.max(follower.seq, last)
      }
    }
  }

  /** What has no place among the events. */
  publish(told: Frame): void {
    const worded: EncodedFrame = { told, seq: undefined, bytes: undefined }
    for (const { listener } of this.subscribers) this.send(listener, [worded])
  }

  /** The same, where it would be news to nobody who is still being told the past. */
  publishLive(told: Frame): void {
    const worded: EncodedFrame = { told, seq: undefined, bytes: undefined }
    for (const { buffered: held, listener } of this.subscribers) if (held === undefined) this.send(listener, [worded])
  }

  /** What is one frame together: a text alone, where the dialect cannot join several. */
  runs<W extends EncodedFrame>(batch: ReadonlyArray<W>): ReadonlyArray<ReadonlyArray<W>> {
    if (this.#frame === undefined) return batch.map((worded) => [worded])
    const runs: Array<Array<W>> = []
    let chars = Number.POSITIVE_INFINITY
    for (const worded of batch) {
      chars += worded.told.text.length
      if (chars <= FRAME_CHARS) runs.at(-1)!.push(worded)
      else {
        runs.push([worded])
        chars = worded.told.text.length
      }
    }
    return runs
  }

  /** One frame. */
  send(listener: Sink, run: ReadonlyArray<EncodedFrame>): void {
    const { seq, told } = run[0]!
    // A client that keeps up gets the shared bytes; policies are for what has to wait.
    if (told.policy === "must" || !listener.isBackpressured)
      return listener.sendShared(this.#bytesOf(run), 1, firstSeq(run))
    // One connection may follow several times: what waits under one key is not another's.
    const key = `${this.key}\n${told.key}`
    if (told.policy === "latest") listener.sendLatest(key, told.text, seq)
    else listener.sendAppended(key, told.value, told.by, seq)
  }

  #bytesOf(run: ReadonlyArray<EncodedFrame>): Buffer {
    const [only] = run
    if (run.length > 1 || only === undefined) return this.#framed(run)
    return (only.bytes ??= this.#framed(run))
  }

  #framed(run: ReadonlyArray<EncodedFrame>): Buffer {
    const texts = run.map(({ told }) => told.text)
    return textFrame(this.#frame === undefined ? texts.join("") : this.#frame(this.key, texts))
  }
}

export const groupId = (key: string, filter: EventFilter): string => `${key}\n${JSON.stringify(filter)}`

const firstSeq = (run: ReadonlyArray<EncodedFrame>): number | undefined => run.find(({ seq }) => seq !== undefined)?.seq
