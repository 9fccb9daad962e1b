/**
 * Replay: the items that a subscriber has missed, page by page: `Joined`, the kept events after its position, a `RunText`
 * for each open run, and `CaughtUp`. EventReader reads it before the newest events.
 */
import {
  type EventFilter,
  type EventItem,
  type GatewayEvent,
  KeptEvent,
  type Position,
  type Positioned,
  type ResetReason,
  wants,
} from "../../domain/Event.ts"
import type { EventLog } from "./EventLog.ts"

const isKept = (event: GatewayEvent): boolean => event._tag in KeptEvent.cases

/** Returns the reason why a subscriber cannot resume from the position, or `null` if it can. */
export const resetReason = (log: EventLog, from: Position): ResetReason | null => {
  if (from.epoch !== log.epoch) return "epoch"
  if (from.seq > log.head) return "future"
  return from.seq < log.store.dropped ? "retention" : null
}

export class Replay {
  /** The last position of the replay. */
  readonly head: number
  readonly #log: EventLog
  readonly #filter: EventFilter
  readonly #joined: EventItem
  readonly #ending: ReadonlyArray<EventItem>
  #cursor: number
  #next: "joined" | "kept" | "ending" | undefined = "joined"

  /** Takes the head and the partial outputs at the call. Without `from`, nothing is missed. */
  constructor(log: EventLog, filter: EventFilter, from: Position | undefined) {
    const { epoch, head } = log
    const reset = from === undefined ? null : resetReason(log, from)
    this.#log = log
    this.#filter = filter
    this.head = head
    this.#cursor = from === undefined || reset !== null ? head : from.seq
    this.#joined = { _tag: "Joined", epoch, seq: this.#cursor, reset }
    this.#ending = [...log.partialOutputs.matching(filter, head), { _tag: "CaughtUp", seq: head }]
  }

  get isDone(): boolean {
    return this.#next === undefined
  }

  /** Whether the next page comes from the table. Yield before it: many such pages may have no wanted event. */
  get readsTable(): boolean {
    return this.#next === "kept" && this.#cursor >= this.#log.store.dropped && this.#cursor < this.#log.ring.after
  }

  /** Returns the next page, which is empty if no event of it is wanted. */
  next(): ReadonlyArray<EventItem> {
    switch (this.#next) {
      case "joined":
        // Most clients join at the head, and many may do so at once: these get everything in one page.
        this.#next = this.#cursor < this.head ? "kept" : undefined
        return this.isDone ? [this.#joined, ...this.#ending] : [this.#joined]
      case "kept":
        return this.#nextKept()
      case "ending":
        this.#next = undefined
        return this.#ending
      case undefined:
        return []
    }
  }

  #nextKept(): ReadonlyArray<EventItem> {
    const { chunk, epoch, ring, store } = this.#log
    if (this.#cursor < store.dropped) {
      // Retention has dropped rows that this reader has not received.
      this.#next = "ending"
      return [{ _tag: "Joined", epoch, seq: this.head, reset: "retention" }]
    }
    const wanted = ({ event }: Positioned) => wants(this.#filter, event)
    const inMemory = this.#cursor >= ring.after
    // Rows of an open transaction have positions above the head, so that reading needs no lock.
    const { events, more } = inMemory
      ? ring.read((positioned) => isKept(positioned.event) && wanted(positioned), this.#cursor, this.head, chunk)
      : store.read(this.#filter.sessionKey, this.#cursor, this.head, chunk)
    const last = events.at(-1)
    if (more && last !== undefined) this.#cursor = last.seq
    else this.#next = "ending"
    return inMemory ? events : events.filter(wanted)
  }
}
