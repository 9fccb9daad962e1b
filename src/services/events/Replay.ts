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
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { EventLog } from "./EventLog.ts"
import { numberAt, toPositioned } from "./Positions.ts"

const RETRY = Schedule.spaced("1 second")

const isKept = (event: GatewayEvent): boolean => event._tag in KeptEvent.cases

/** Returns the reason why a subscriber cannot resume from the position, or `null` if it can. */
export const resetReason = (log: EventLog, from: Position): ResetReason | null => {
  if (from.epoch !== log.epoch) return "epoch"
  const number = numberAt(from.seq)
  if (number > numberAt(log.head)) return "future"
  return number < log.storage.dropped() ? "retention" : null
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
    // Positions of live events before a restart may be above the head.
    this.#cursor = from === undefined || reset !== null ? head : Math.min(from.seq, head)
    this.#joined = { _tag: "Joined", epoch, seq: this.#cursor, reset }
    this.#ending = [...log.partialOutputs.matching(filter, head), { _tag: "CaughtUp", seq: head }]
  }

  get isDone(): boolean {
    return this.#next === undefined
  }

  /** Whether the next page comes from storage. Yield before it: many such pages may have no wanted event. */
  get readsStorage(): boolean {
    return this.#next === "kept" && !this.#hasMissed(this.#log.storage.dropped()) && this.#cursor < this.#log.ring.after
  }

  /** Returns the next page, which is empty if no event of it is wanted. It waits while storage cannot be read. */
  readonly next: Effect.Effect<ReadonlyArray<EventItem>> = Effect.suspend(() =>
    this.readsStorage ? this.#readStorage : Effect.sync(() => this.#readMemory()),
  )

  #readMemory(): ReadonlyArray<EventItem> {
    switch (this.#next) {
      case "joined":
        // Most clients join at the head, and many may do so at once: these get everything in one page.
        this.#next = this.#cursor < this.head ? "kept" : undefined
        return this.isDone ? [this.#joined, ...this.#ending] : [this.#joined]
      case "kept": {
        const { chunk, ring, storage } = this.#log
        if (this.#hasMissed(storage.dropped())) return this.#startOver()
        const isWanted = (positioned: Positioned) => isKept(positioned.event) && this.#wants(positioned)
        const { events, more } = ring.read(isWanted, this.#cursor, this.head, chunk)
        this.#advance(events, more)
        return events
      }
      case "ending":
        this.#next = undefined
        return this.#ending
      case undefined:
        return []
    }
  }

  readonly #readStorage = Effect.suspend(() => {
    const { chunk, storage } = this.#log
    const page = storage.page(this.#filter.sessionKey, numberAt(this.#cursor), numberAt(this.head), chunk)
    return Effect.retry(
      Effect.tapError(page, (error) => Effect.logWarning("A subscriber waits for old events", error)),
      RETRY,
    )
  }).pipe(
    Effect.orDie,
    Effect.map(({ dropped, more, rows }) => {
      if (this.#hasMissed(dropped)) return this.#startOver()
      const events = rows.map(toPositioned)
      this.#advance(events, more)
      return events.filter((positioned) => this.#wants(positioned))
    }),
  )

  #wants({ event }: Positioned): boolean {
    return wants(this.#filter, event)
  }

  /** Returns whether retention has dropped rows that this reader has not received. */
  #hasMissed(dropped: number): boolean {
    return numberAt(this.#cursor) < dropped
  }

  #startOver(): ReadonlyArray<EventItem> {
    this.#next = "ending"
    return [{ _tag: "Joined", epoch: this.#log.epoch, seq: this.head, reset: "retention" }]
  }

  #advance(events: ReadonlyArray<Positioned>, more: boolean): void {
    const last = events.at(-1)
    if (more && last !== undefined) this.#cursor = last.seq
    else this.#next = "ending"
  }
}
