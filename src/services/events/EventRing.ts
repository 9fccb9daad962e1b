/**
 * EventRing: the newest events, kept and live, in memory. It is bounded in events and in size. Replay and
 * EventReader read from it. Replay reads the table where the ring begins too late.
 */
import type { Positioned } from "../../domain/Event.ts"
import { partitionPoint } from "../../domain/PartitionPoint.ts"

/** Estimates the memory of a value, in characters. A list counts by its length, because presence may have thousands. */
const weigh = (value: unknown): number => {
  if (typeof value === "string") return value.length
  if (typeof value !== "object" || value === null) return 8
  if (Array.isArray(value)) return value.length * 64
  let sum = 16
  for (const part of Object.values(value)) sum += weigh(part)
  return sum
}

export class EventRing {
  readonly #maxEvents: number
  readonly #maxWeight: number
  readonly #events: Array<Positioned> = []
  readonly #weights: Array<number> = []
  #weight = 0
  #after: number

  /** `after`: the position before the first event. `maxWeight`: the size in characters. */
  constructor(after: number, maxEvents: number, maxWeight: number) {
    this.#after = after
    this.#maxEvents = maxEvents
    this.#maxWeight = maxWeight
  }

  /** The ring holds every event after this position. */
  get after(): number {
    return this.#after
  }

  /** Adds the newest event and drops the oldest events over the bounds. An event over `maxWeight` empties the ring. */
  push(event: Positioned): void {
    const weight = weigh(event.event)
    this.#events.push(event)
    this.#weights.push(weight)
    this.#weight += weight
    while (this.#events.length > this.#maxEvents || this.#weight > this.#maxWeight) {
      this.#after = this.#events.shift()?.seq ?? this.#after
      this.#weight -= this.#weights.shift() ?? 0
    }
  }

  /** Returns the wanted events after `cursor` and up to `head`, at most `limit` of them. `more`: the limit was reached. */
  read(
    wanted: (event: Positioned) => boolean,
    cursor: number,
    head: number,
    limit: number,
  ): { readonly events: Array<Positioned>; readonly more: boolean } {
    const events: Array<Positioned> = []
    for (let index = partitionPoint(this.#events, ({ seq }) => seq <= cursor); index < this.#events.length; index++) {
      const event = this.#events[index]!
      if (event.seq > head) break
      if (!wanted(event)) continue
      events.push(event)
      if (events.length === limit) return { events, more: true }
    }
    return { events, more: false }
  }
}
