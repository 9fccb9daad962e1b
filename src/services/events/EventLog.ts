/**
 * EventLog: the log up to its head, which is the stored events, the newest events and the partial outputs of open runs in memory,
 * and its observers and parked readers. An event becomes live in `publish` and nowhere else. GroupCommit writes to the
 * log, and EventReader reads it.
 */
import { type EventFilter, type Positioned, wants } from "../../domain/Event.ts"
import { EventRing } from "./EventRing.ts"
import type { Storage } from "../storage/Storage.ts"
import { PartialOutputs } from "./PartialOutputs.ts"
import { positionOf } from "./Positions.ts"

export interface EventTuning {
  /** How many of the newest events stay in memory. A subscriber that is further behind reads the table. */
  readonly ringEvents: number
  /** The approximate size of these events, in characters. */
  readonly ringWeight: number
  /** Events that a subscriber receives at once, and rows that one read returns. */
  readonly chunk: number
}

/** A reader that has received everything up to `cursor` and waits for more. */
export interface ParkedReader {
  readonly filter: EventFilter
  cursor: number
}

export class EventLog {
  readonly storage: Storage["Service"]
  readonly ring: EventRing
  readonly partialOutputs = new PartialOutputs()
  readonly chunk: number
  /** Stored events that subscribers have received later, because they missed them. */
  replayed = 0
  readonly #publish: (events: ReadonlyArray<Positioned>) => void
  readonly #observers = new Set<(event: Positioned) => void>()
  readonly #parked = new Map<ParkedReader, () => void>()
  #head: number

  /** `publish` receives all events that become live in one step, after the observers have received them. */
  constructor(storage: Storage["Service"], tuning: EventTuning, publish: (events: ReadonlyArray<Positioned>) => void) {
    this.#publish = publish
    this.storage = storage
    this.#head = positionOf(storage.newest.number)
    this.ring = new EventRing(this.#head, tuning.ringEvents, tuning.ringWeight)
    this.chunk = tuning.chunk
  }

  get epoch(): string {
    return this.storage.epoch
  }

  /** The position of the newest published event. */
  get head(): number {
    return this.#head
  }

  /** Calls the observer for each event. Returns a function that removes it. */
  onEvent(observer: (event: Positioned) => void): () => void {
    this.#observers.add(observer)
    return () => this.#observers.delete(observer)
  }

  /** Wakes the reader at the next event that it wants, once. Returns a function that removes it. */
  park(reader: ParkedReader, wake: () => void): () => void {
    this.#parked.set(reader, wake)
    return () => this.#parked.delete(reader)
  }

  /**
   * Makes the events live: moves the head, fills the ring, and calls observers, subscribers and parked readers. Kept
   * events are on disk already. Drops deltas that arrive after `RunEnded`.
   */
  publish(batch: ReadonlyArray<Positioned>): void {
    const events: Array<Positioned> = []
    for (const positioned of batch) {
      if (!this.partialOutputs.apply(positioned.event)) continue
      events.push(positioned)
      this.#head = positioned.seq
      this.ring.push(positioned)
      for (const observer of this.#observers) observer(positioned)
    }
    if (events.length === 0) return
    this.#publish(events)
    // Readers wake only for events that they want. They wake last, because a reader may park again at once.
    const woken: Array<() => void> = []
    for (const [reader, wake] of this.#parked) {
      if (events.some((positioned) => wants(reader.filter, positioned.event))) {
        this.#parked.delete(reader)
        woken.push(wake)
      } else {
        reader.cursor = this.#head
      }
    }
    for (const wake of woken) wake()
  }
}
