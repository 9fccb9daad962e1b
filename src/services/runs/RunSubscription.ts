/**
 * RunFollower: what one follower of a run has not taken yet. Bounded: when too many deltas pile up behind a slow reader
 * they give way to one text that replaces them, so a reader costs its bound, loses nothing that happened, and never
 * holds up the run. It knows one run and no connection.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import type { Positioned, RunText } from "../../domain/Event.ts"

/** Deltas that wait for a reader. They are shared with everybody who follows the run. */
const BACKLOG = 256

export type RunItem = Positioned | RunText

const isEnd = (item: RunItem): boolean => item._tag === "Event" && item.event._tag === "RunEnded"

/** Deltas and texts: what a text so far makes superfluous. Tool calls, messages and the end are told, always. */
const isReplaceable = (item: RunItem): boolean =>
  item._tag === "RunText" ||
  item.event._tag === "TextDelta" ||
  item.event._tag === "ThinkingDelta" ||
  item.event._tag === "ToolUpdated"

export class RunSubscription {
  #items: Array<RunItem> = []
  #replaceable = 0
  readonly #some = Latch.makeUnsafe(false)

  constructor(soFar: RunText | undefined) {
    if (soFar !== undefined) this.#push(soFar)
  }

  /** Nothing has been said since the beginning. */
  get isEmpty(): boolean {
    return this.#items.length === 0
  }

  /** `soFar`: what the run has said, this item included. */
  tell(item: Positioned, soFar: () => RunText | undefined): void {
    const text = isReplaceable(item) && this.#replaceable >= BACKLOG ? soFar() : undefined
    if (text === undefined) return this.#push(item)
    this.#items = this.#items.filter((waiting) => !isReplaceable(waiting))
    this.#replaceable = 0
    this.#push(text)
  }

  /** To the end of the run. */
  get items(): Stream.Stream<RunItem> {
    return Stream.fromIterableEffectRepeat(this.#take).pipe(Stream.takeUntil(isEnd))
  }

  #push(item: RunItem): void {
    this.#items.push(item)
    if (isReplaceable(item)) this.#replaceable++
    this.#some.openUnsafe()
  }

  readonly #take = Effect.suspend(() =>
    Effect.map(this.#some.await, () => {
      const items = this.#items
      this.#items = []
      this.#replaceable = 0
      this.#some.closeUnsafe()
      return items
    }),
  )
}
