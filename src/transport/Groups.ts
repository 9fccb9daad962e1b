/**
 * Groups of followers: all who are told the same frames. What is told goes to the outbox of each, shared where it can be,
 * and is held for those who are still being told the past or take no more for now. It words nothing and knows no event.
 */
import * as Effect from "effect/Effect"
import type { EventFilter, ResetReason } from "../domain/Event.ts"
import type { Dialect, Frame } from "./Dialect.ts"
import { textFrame } from "./Frames.ts"
import type { Peer } from "./Wires.ts"

/** Frames, and characters of them, held for one follower that is not in the present. More: it is joined anew. */
const HELD_FRAMES = 4_096
const HELD_CHARS = 4_194_304

/** Characters from which on texts that are told at once are not one frame any more. */
const FRAME_CHARS = 65_536

/** Who is told: a connection, or one of several listeners on it. */
export interface Listener extends Pick<Peer, "behind" | "room" | "sendShared" | "sendLatest" | "sendAppended"> {
  /** It is sent nothing more before it has room: what happens meanwhile is held. */
  readonly full?: boolean
}

export interface Worded {
  readonly told: Frame
  /** Its position, where a client that has not got it must resume before it. */
  readonly seq: number | undefined
  /** The frame's bytes, made when first needed and shared by all. */
  bytes: Buffer | undefined
}

export interface WordedItem extends Worded {
  /** The position that is reached with it. */
  readonly at: number
}

export class Follower {
  readonly listener: Listener
  /** Everything up to it was handed to the outbox. */
  seq: number
  /** What happens while the past is still being told; undefined: the follower is in the present. */
  held: Array<WordedItem> | undefined = []
  /** More happened than can be held, so that nothing is. */
  outrun = false
  #heldChars = 0
  /** Not all of the past could be told. */
  reset: ResetReason | null = null
  #wake: (() => void) | undefined = undefined

  constructor(listener: Listener, seq: number) {
    this.listener = listener
    this.seq = seq
  }

  /** From now on it is held what happens. */
  beginHolding(): void {
    this.held = []
    this.#heldChars = 0
    this.outrun = false
  }

  hold(batch: ReadonlyArray<WordedItem>): void {
    if (this.held === undefined || this.outrun) return
    for (const { told } of batch) this.#heldChars += told.text.length
    this.outrun = this.held.length + batch.length > HELD_FRAMES || this.#heldChars > HELD_CHARS
    if (this.outrun) this.held = []
    else this.held.push(...batch)
  }

  /** Out of the present: everything before the batch was told. */
  fallBehind(batch: ReadonlyArray<WordedItem>): void {
    this.seq = Math.max(this.seq, batch[0]!.at - 1)
    this.beginHolding()
    this.hold(batch)
    this.#wake?.()
  }

  /** What was held, which is the caller's now; nothing: from here on the follower is in the present. */
  takeHeld(): ReadonlyArray<WordedItem> {
    const held = this.held ?? []
    this.held = held.length === 0 ? undefined : []
    this.#heldChars = 0
    return held
  }

  /** Returns when the follower has fallen out of the present. */
  left(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.held !== undefined) return resume(Effect.void)
      this.#wake = () => resume(Effect.void)
    })
  }
}

/** All who get the same frames. */
export class Group {
  readonly key: string
  readonly filter: EventFilter
  readonly followers = new Set<Follower>()
  readonly #frame: Dialect["frame"]

  constructor(key: string, filter: EventFilter, frame: Dialect["frame"]) {
    this.key = key
    this.filter = filter
    this.#frame = frame
  }

  /** The same bytes for everybody who is at the same place: one Buffer for the whole batch. */
  deliver(batch: ReadonlyArray<WordedItem>): void {
    const first = batch[0]!.at
    const last = batch.at(-1)!.at
    const runs = this.runs(batch)
    let whole: Buffer | undefined
    for (const follower of this.followers) {
      const { held, listener } = follower
      if (held !== undefined) {
        follower.hold(batch)
      } else if (listener.full === true) {
        follower.fallBehind(batch)
      } else if (follower.seq < first && !listener.behind) {
        whole ??= runs.length === 1 ? this.#bytesOf(runs[0]!) : Buffer.concat(runs.map((run) => this.#bytesOf(run)))
        listener.sendShared(whole, runs.length, first)
        follower.seq = last
      } else {
        for (const worded of batch) if (worded.at > follower.seq) this.hand(listener, [worded])
        follower.seq = Math.max(follower.seq, last)
      }
    }
  }

  /** What has no place among the events. */
  tell(told: Frame): void {
    const worded: Worded = { told, seq: undefined, bytes: undefined }
    for (const { listener } of this.followers) this.hand(listener, [worded])
  }

  /** The same, where it would be news to nobody who is still being told the past. */
  tellPresent(told: Frame): void {
    const worded: Worded = { told, seq: undefined, bytes: undefined }
    for (const { held, listener } of this.followers) if (held === undefined) this.hand(listener, [worded])
  }

  /** What is one frame together: a text alone, where the dialect cannot join several. */
  runs<W extends Worded>(batch: ReadonlyArray<W>): ReadonlyArray<ReadonlyArray<W>> {
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
  hand(listener: Listener, run: ReadonlyArray<Worded>): void {
    const { seq, told } = run[0]!
    // A client that keeps up gets the shared bytes; policies are for what has to wait.
    if (told.policy === "must" || !listener.behind) return listener.sendShared(this.#bytesOf(run), 1, firstSeq(run))
    // One connection may follow several times: what waits under one key is not another's.
    const key = `${this.key}\n${told.key}`
    if (told.policy === "latest") listener.sendLatest(key, told.text, seq)
    else listener.sendAppended(key, told.value, told.by, seq)
  }

  #bytesOf(run: ReadonlyArray<Worded>): Buffer {
    const [only] = run
    if (run.length > 1 || only === undefined) return this.#framed(run)
    return (only.bytes ??= this.#framed(run))
  }

  #framed(run: ReadonlyArray<Worded>): Buffer {
    const texts = run.map(({ told }) => told.text)
    return textFrame(this.#frame === undefined ? texts.join("") : this.#frame(this.key, texts))
  }
}

export const groupId = (key: string, filter: EventFilter): string => `${key}\n${JSON.stringify(filter)}`

const firstSeq = (run: ReadonlyArray<Worded>): number | undefined => run.find(({ seq }) => seq !== undefined)?.seq
