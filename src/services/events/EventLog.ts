/**
 * EventLog: the log up to its head, which is the table, the newest events and the partial outputs of open runs in memory,
 * and its observers and parked readers. An event becomes live in `publish` and nowhere else. GroupCommit writes to the
 * log, and EventReader reads it.
 */
import type { DatabaseSync } from "node:sqlite"
import { type EventFilter, type GatewayEvent, type Positioned, wants } from "../../domain/Event.ts"
import { EventRing } from "./EventRing.ts"
import { EventStore, type Retention } from "./EventStore.ts"
import { PartialOutputs } from "./PartialOutputs.ts"

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
  readonly store: EventStore
  readonly ring: EventRing
  readonly partialOutputs = new PartialOutputs()
  readonly chunk: number
  readonly #publish: (events: ReadonlyArray<Positioned>) => void
  readonly #observers = new Set<(event: Positioned) => void>()
  readonly #parked = new Map<ParkedReader, () => void>()
  #head: number

  /** `publish` receives all events that become live in one step, after the observers have received them. */
  constructor(
    db: DatabaseSync,
    retention: Retention,
    tuning: EventTuning,
    publish: (events: ReadonlyArray<Positioned>) => void,
  ) {
    this.#publish = publish
    this.store = new EventStore(db, retention)
    this.ring = new EventRing(this.store.start, tuning.ringEvents, tuning.ringWeight)
    this.chunk = tuning.chunk
    this.#head = this.store.start
  }

  get epoch(): string {
    return this.store.epoch
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

/** A group of events that is not published yet. It assigns positions after the head, and gives them up by `truncate`. */
export class PendingBatch {
  readonly events: Array<Positioned> = []
  /** The time of all events of the group, in milliseconds since 1970. */
  readonly at: number
  readonly #base: number

  constructor(log: EventLog, at: number) {
    this.#base = log.head
    this.at = at
  }

  /** The last assigned position. */
  get seq(): number {
    return this.#base + this.events.length
  }

  add(event: GatewayEvent): Positioned {
    const positioned: Positioned = { _tag: "Event", seq: this.seq + 1, at: this.at, event }
    this.events.push(positioned)
    return positioned
  }

  /** Drops all but the first `length` events. */
  truncate(length: number): void {
    this.events.length = length
  }
}
