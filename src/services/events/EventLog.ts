/**
 * The event log as of its head: the table, the newest events and the open runs' texts in memory, and who wants to know.
 * `tell` is the one step in which an event becomes live. It does not know how a write is grouped (Events.ts) or how a
 * subscriber catches up (EventJoin.ts).
 */
import type { DatabaseSync } from "node:sqlite"
import { type EventFilter, type GatewayEvent, type Positioned, wants } from "../../domain/Event.ts"
import { EventRing } from "./EventRing.ts"
import { EventStore, type Retention } from "./EventStore.ts"
import { PartialOutputs } from "./PartialOutputs.ts"

export interface EventTuning {
  /** Newest events in memory. A subscriber who is further behind reads the table. */
  readonly ringEvents: number
  /** Their size, about, in characters. */
  readonly ringWeight: number
  /** Events that a subscriber is given at once, and rows read at once. */
  readonly chunk: number
}

/** A subscriber who has seen everything up to `cursor` and waits for more. */
export interface ParkedReader {
  readonly filter: EventFilter
  cursor: number
  wake: () => void
}

export class EventLog {
  readonly table: EventStore
  readonly ring: EventRing
  readonly texts = new PartialOutputs()
  readonly chunk: number
  readonly #publish: (events: ReadonlyArray<Positioned>) => void
  readonly #observers = new Set<(event: Positioned) => void>()
  readonly #sleepers = new Set<ParkedReader>()
  #head: number

  /** `publish` is given all events that become live in one step, after the observers. */
  constructor(
    db: DatabaseSync,
    retention: Retention,
    tuning: EventTuning,
    publish: (events: ReadonlyArray<Positioned>) => void,
  ) {
    this.#publish = publish
    this.table = new EventStore(db, retention)
    this.ring = new EventRing(this.table.start, tuning.ringEvents, tuning.ringWeight)
    this.chunk = tuning.chunk
    this.#head = this.table.start
  }

  get epoch(): string {
    return this.table.epoch
  }

  /** The position of the newest event that was told. */
  get head(): number {
    return this.#head
  }

  onEvent(observer: (event: Positioned) => void): () => void {
    this.#observers.add(observer)
    return () => this.#observers.delete(observer)
  }

  park(sleeper: ParkedReader): () => void {
    this.#sleepers.add(sleeper)
    return () => this.#sleepers.delete(sleeper)
  }

  /**
   * From here on these have happened. They are on disk, if they are kept, and go on where the head is. What a run says
   * in the moment in which it is ended is not told: nobody is to hear a run after its end.
   */
  publish(drafted: ReadonlyArray<Positioned>): void {
    const events: Array<Positioned> = []
    for (const positioned of drafted) {
      if (!this.texts.apply(positioned.event)) continue
      events.push(positioned)
      this.#head = positioned.seq
      this.ring.push(positioned)
      for (const observer of this.#observers) observer(positioned)
    }
    if (events.length === 0) return
    this.#publish(events)
    // Filtered for the sleeper, so that nobody is woken for nothing; woken last, as who wakes may sleep again at once.
    const woken: Array<ParkedReader> = []
    for (const sleeper of this.#sleepers) {
      if (events.some((positioned) => wants(sleeper.filter, positioned.event))) woken.push(sleeper)
      else sleeper.cursor = this.#head
    }
    for (const sleeper of woken) {
      this.#sleepers.delete(sleeper)
      sleeper.wake()
    }
  }
}

/** A group of events on its way to being told: their positions are given, and taken back if the write fails. */
export class PendingBatch {
  readonly events: Array<Positioned> = []
  /** The time of the whole group. */
  readonly at: number
  readonly #base: number

  constructor(log: EventLog, at: number) {
    this.#base = log.head
    this.at = at
  }

  get seq(): number {
    return this.#base + this.events.length
  }

  add(event: GatewayEvent): Positioned {
    const positioned: Positioned = { _tag: "Event", seq: this.seq + 1, at: this.at, event }
    this.events.push(positioned)
    return positioned
  }

  /** Takes back all but the first `length`. */
  truncate(length: number): void {
    this.events.length = length
  }
}
