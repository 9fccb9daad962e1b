/**
 * The waiting items of one subscriber of a run. The queue is bounded: if too many deltas wait for a slow reader, one text
 * snapshot replaces them. The reader loses no content, and the run does not wait for it. OpenRuns creates the
 * subscriptions; Runs streams them to clients.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import type { Positioned, RunText } from "../../domain/Event.ts"

/** The deltas that wait for a reader. All subscribers of a run share the same values. */
const MAX_DELTAS = 256

export type RunItem = Positioned | RunText

const isEnd = (item: RunItem): boolean => item._tag === "Event" && item.event._tag === "RunEnded"

/** Returns whether a later text snapshot replaces the item. Tool calls, messages and the end are always delivered. */
const isReplaceable = (item: RunItem): boolean =>
  item._tag === "RunText" ||
  item.event._tag === "TextDelta" ||
  item.event._tag === "ThinkingDelta" ||
  item.event._tag === "ToolUpdated"

export class RunSubscription {
  #items: Array<RunItem> = []
  #replaceable = 0
  readonly #available = Latch.makeUnsafe(false)

  /** `partialOutput`: the output of an open run so far. */
  constructor(partialOutput: RunText | undefined) {
    if (partialOutput !== undefined) this.#append(partialOutput)
  }

  get isEmpty(): boolean {
    return this.#items.length === 0
  }

  /** Adds an item. `partialOutput` returns the output of the run so far, including this item. */
  push(item: Positioned, partialOutput: () => RunText | undefined): void {
    const snapshot = isReplaceable(item) && this.#replaceable >= MAX_DELTAS ? partialOutput() : undefined
    if (snapshot === undefined) return this.#append(item)
    this.#items = this.#items.filter((waiting) => !isReplaceable(waiting))
    this.#replaceable = 0
    this.#append(snapshot)
  }

  /** The items until the end of the run. */
  get items(): Stream.Stream<RunItem> {
    return Stream.fromIterableEffectRepeat(this.#take).pipe(Stream.takeUntil(isEnd))
  }

  #append(item: RunItem): void {
    this.#items.push(item)
    if (isReplaceable(item)) this.#replaceable++
    this.#available.openUnsafe()
  }

  readonly #take = Effect.suspend(() =>
    Effect.map(this.#available.await, () => {
      const items = this.#items
      this.#items = []
      this.#replaceable = 0
      this.#available.closeUnsafe()
      return items
    }),
  )
}
