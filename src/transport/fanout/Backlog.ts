/**
 * Backlog: the newest encoded events of a group, for its subscribers that are catching up. All of them share it, and each
 * reads it from its own cursor. While all subscribers are live, or too far behind, it keeps nothing.
 */
import { partitionPoint } from "../../domain/PartitionPoint.ts"
import type { RecentItems } from "../../services/events/EventReader.ts"
import { type EncodedEvent, FRAME_CHARS } from "./EncodedEvent.ts"

export interface BacklogBounds {
  readonly frames: number
  /** Characters in the frames. */
  readonly chars: number
}

/** Without a backlog, the subscriber reads the log, which has no live events. These bounds cover some seconds. */
export const BOUNDS: BacklogBounds = { frames: 4_096, chars: 4_194_304 }

/** A subscriber that needs the events after `cursor`. */
interface Reader {
  readonly cursor: number
}

export class Backlog implements RecentItems<EncodedEvent> {
  readonly #bounds: BacklogBounds
  readonly #readers = new Set<Reader>()
  #events: Array<EncodedEvent> = []
  #chars = 0
  #after: number
  #head: number

  /** `head`: the position of the newest published event. */
  constructor(head: number, bounds: BacklogBounds) {
    this.#after = head
    this.#head = head
    this.#bounds = bounds
  }

  get after(): number {
    return this.#after
  }

  get head(): number {
    return this.#head
  }

  /** Keeps events for the reader until its release, or until it is too far behind. */
  hold(reader: Reader): void {
    this.#readers.add(reader)
  }

  release(reader: Reader): void {
    this.#readers.delete(reader)
    if (this.#readers.size === 0) this.#clear()
  }

  /** Adds the newest events, whose positions are above all others. */
  push(batch: ReadonlyArray<EncodedEvent>): void {
    this.#head = batch.at(-1)?.at ?? this.#head
    if (this.#readers.size === 0) {
      this.#after = this.#head
      return
    }
    for (const event of batch) {
      this.#events.push(event)
      this.#chars += event.frame.text.length
    }
    const { chars, frames } = this.#bounds
    if (this.#events.length > frames || this.#chars > chars) this.#dropHalf()
  }

  /** Returns the events after the cursor that fit into one frame, and at least one event. */
  read(cursor: number): { readonly items: ReadonlyArray<EncodedEvent>; readonly cursor: number } {
    const events = this.#events
    const start = partitionPoint(events, ({ at }) => at <= cursor)
    let end = start
    for (let chars = 0; end < events.length; end++) {
      const { at, frame } = events[end]!
      chars += frame.text.length
      if (end > start && chars > FRAME_CHARS && at !== events[end - 1]!.at) break
    }
    return { items: events.slice(start, end), cursor: end < events.length ? events[end - 1]!.at : this.#head }
  }

  /** Drops the oldest events until half of the bounds is free, and the readers that needed them. */
  #dropHalf(): void {
    const events = this.#events
    let dropped = 0
    while (
      dropped < events.length &&
      (events.length - dropped > this.#bounds.frames / 2 ||
        this.#chars > this.#bounds.chars / 2 ||
        events[dropped]!.at === this.#after)
    ) {
      this.#after = events[dropped]!.at
      this.#chars -= events[dropped++]!.frame.text.length
    }
    this.#events = events.slice(dropped)
    for (const reader of this.#readers) if (reader.cursor < this.#after) this.#readers.delete(reader)
    if (this.#readers.size === 0) this.#clear()
  }

  #clear(): void {
    this.#events = []
    this.#chars = 0
    this.#after = this.#head
  }
}
