/**
 * EventReader: reads the log for one subscriber, from its position to the newest event. It holds only a cursor, so a slow
 * subscriber costs no memory. It replays the missed items first and then reads recent items from memory. If these no
 * longer reach back to its cursor, it starts over from there.
 *
 * The fan-out of the transport reads with it for every client that is not live. `Events.subscribe` reads with it and
 * waits for the next event.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { type EventFilter, type EventItem, type Position, type Positioned, wants } from "../../domain/Event.ts"
import type { EventLog } from "./EventLog.ts"
import { Replay } from "./Replay.ts"

/** The newest items in memory, in the form in which a subscriber receives them. */
export interface RecentItems<A> {
  /** Every item after this position is in memory. */
  readonly after: number
  /** The position up to which `read` returns items. It is never less than `after`. */
  readonly head: number
  /** Returns a page of items after the cursor, oldest first, and the cursor behind them. */
  read(cursor: number): { readonly items: ReadonlyArray<A>; readonly cursor: number }
}

export type Page<A> =
  | { readonly _tag: "Missed"; readonly items: ReadonlyArray<EventItem> }
  | { readonly _tag: "Recent"; readonly items: ReadonlyArray<A> }

export class EventReader<A> {
  /** The position after which the reader needs recent items. All items before are read, or are part of the replay. */
  cursor: number
  readonly filter: EventFilter
  readonly #log: EventLog
  readonly #recent: RecentItems<A>
  #replay: Replay | undefined

  /** Takes the head at the call. Without `from`, the reader begins at the head. */
  constructor(log: EventLog, filter: EventFilter, from: Position | undefined, recent: RecentItems<A>) {
    this.#log = log
    this.filter = filter
    this.#recent = recent
    this.#replay = new Replay(log, filter, from)
    this.cursor = this.#replay.head
  }

  /** Whether the reader has returned every item that there is. */
  get isAtHead(): boolean {
    return this.#replay === undefined && this.cursor >= this.#recent.head
  }

  /** Reads the next page, which may be empty. */
  get next(): Effect.Effect<Page<A>> {
    return Effect.suspend(() => {
      if (this.#replay === undefined && this.cursor < this.#recent.after) {
        this.#replay = new Replay(this.#log, this.filter, { epoch: this.#log.epoch, seq: this.cursor })
        this.cursor = this.#replay.head
      }
      const replay = this.#replay
      if (replay === undefined) {
        const { cursor, items } = this.#recent.read(this.cursor)
        this.cursor = cursor
        return Effect.succeed({ _tag: "Recent", items })
      }
      const missed = this.#missed(replay)
      return replay.readsStorage ? Effect.andThen(Effect.yieldNow, missed) : missed
    })
  }

  #missed(replay: Replay): Effect.Effect<Page<A>> {
    return Effect.map(replay.next, (items) => {
      if (replay.isDone) this.#replay = undefined
      for (const { _tag } of items) if (_tag === "Event") this.#log.replayed++
      return { _tag: "Missed", items }
    })
  }
}

/** Returns the wanted events of the log's ring. */
const recentEvents = (log: EventLog, filter: EventFilter): RecentItems<Positioned> => {
  const wanted = ({ event }: Positioned) => wants(filter, event)
  return {
    get after() {
      return log.ring.after
    },
    get head() {
      return log.head
    },
    read: (cursor) => {
      const { events, more } = log.ring.read(wanted, cursor, log.head, log.chunk)
      return { items: events, cursor: (more ? events.at(-1)?.seq : undefined) ?? log.head }
    },
  }
}

/** Streams the missed items and then new events, without end. */
export const subscribe = (log: EventLog, filter: EventFilter, from: Position | undefined): Stream.Stream<EventItem> =>
  Stream.fromPull(
    Effect.sync(() => {
      const reader = new EventReader(log, filter, from, recentEvents(log, filter))
      const newEvent = Effect.callback<void>((resume) => {
        const wake = () => resume(Effect.void)
        return reader.isAtHead ? Effect.sync(log.park(reader, wake)) : wake()
      })
      return Effect.suspend(function pull(): Pull.Pull<Arr.NonEmptyReadonlyArray<EventItem>> {
        if (reader.isAtHead) return Effect.flatMap(newEvent, pull)
        return Effect.flatMap(reader.next, ({ items }) =>
          Arr.isReadonlyArrayNonEmpty<EventItem>(items) ? Effect.succeed(items) : pull(),
        )
      })
    }),
  )
