/**
 * Replay: the items that a subscriber has missed, and the stream of items after them. Every kept event comes once and in
 * order. A subscriber holds only a cursor, so a slow one costs no memory: when the ring no longer holds the events after
 * its cursor, it starts over from there. Events uses this module.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
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
import type { EventLog, ParkedReader } from "./EventLog.ts"

const isKept = (event: GatewayEvent): boolean => event._tag in KeptEvent.cases

/** Returns the reason why a subscriber cannot resume from the position, or `null` if it can. */
export const resetReason = (log: EventLog, from: Position): ResetReason | null => {
  if (from.epoch !== log.epoch) return "epoch"
  if (from.seq > log.head) return "future"
  return from.seq < log.store.dropped ? "retention" : null
}

/** Returns the items up to the head that a subscriber has missed. Takes the head and the partial outputs at the call. */
export const replay = (
  log: EventLog,
  filter: EventFilter,
  from: Position | undefined,
): { readonly head: number; readonly items: Stream.Stream<EventItem> } => {
  const { epoch, head } = log
  const reset = from === undefined ? null : resetReason(log, from)
  const start = from === undefined || reset !== null ? head : from.seq
  const joined: EventItem = { _tag: "Joined", epoch, seq: start, reset }
  const ending: ReadonlyArray<EventItem> = [
    ...log.partialOutputs.matching(filter, head),
    { _tag: "CaughtUp", seq: head },
  ]
  // The common case: most clients join at the head, and many may do so at once.
  if (start >= head) return { head, items: Stream.fromArray([joined, ...ending]) }
  const missed = kept(log, filter, start, head)
  return { head, items: Stream.concat(Stream.concat(Stream.succeed(joined), missed), Stream.fromArray(ending)) }
}

type Page = readonly [items: ReadonlyArray<EventItem>, next: Option.Option<number>]

/** Streams the kept events after `start` and up to `head` in pages, from memory if the ring holds them. */
const kept = (log: EventLog, filter: EventFilter, start: number, head: number): Stream.Stream<EventItem> => {
  const wanted = ({ event }: Positioned) => wants(filter, event)
  const keptAndWanted = (positioned: Positioned) => isKept(positioned.event) && wanted(positioned)

  const fromMemory = (cursor: number): Page => {
    const page = log.ring.read(keptAndWanted, cursor, head, log.chunk)
    return [page.events, next(page)]
  }
  // Rows of an open transaction have positions above the head, so that reading needs no lock.
  const fromTable = (cursor: number): Page => {
    const page = log.store.read(filter.sessionKey, cursor, head, log.chunk)
    return [page.events.filter(wanted), next(page)]
  }
  // Retention has dropped rows that this reader has not received.
  const retentionReset: Page = [[{ _tag: "Joined", epoch: log.epoch, seq: head, reset: "retention" }], Option.none()]

  return Stream.paginate(start, (cursor) => {
    if (cursor < log.store.dropped) return Effect.succeed(retentionReset)
    if (cursor >= log.ring.after) return Effect.succeed(fromMemory(cursor))
    // Otherwise pages without a wanted event would follow each other in one event-loop turn.
    return Effect.as(Effect.yieldNow, fromTable(cursor))
  })
}

const next = (page: { readonly events: ReadonlyArray<Positioned>; readonly more: boolean }): Option.Option<number> =>
  page.more ? Option.map(Arr.last(page.events), ({ seq }) => seq) : Option.none()

/** Streams the events after `cursor` until the ring no longer holds them. Calls `onOverflow` with the cursor at that point. */
const live = (log: EventLog, filter: EventFilter, cursor: number, onOverflow: (cursor: number) => void) =>
  Stream.fromPull(
    Effect.sync(() => {
      const reader: ParkedReader = { filter, cursor, wake: () => undefined }
      const wanted = ({ event }: Positioned) => wants(filter, event)
      const parked = Effect.callback<void>((resume) => {
        reader.wake = () => resume(Effect.void)
        return Effect.sync(log.park(reader))
      })
      return Effect.suspend(function pull(): Pull.Pull<Arr.NonEmptyReadonlyArray<EventItem>> {
        if (reader.cursor < log.ring.after) {
          onOverflow(reader.cursor)
          return Cause.done()
        }
        const { events, more } = log.ring.read(wanted, reader.cursor, log.head, log.chunk)
        if (!Arr.isArrayNonEmpty(events)) {
          reader.cursor = log.head
          return Effect.flatMap(parked, pull)
        }
        reader.cursor = more ? Arr.lastNonEmpty(events).seq : log.head
        return Effect.succeed(events)
      })
    }),
  )

/** Streams the missed items and then new events. Starts over from its position when the ring has moved past it. */
export const subscribe = (log: EventLog, filter: EventFilter, from: Position | undefined): Stream.Stream<EventItem> =>
  Stream.suspend(() => {
    let position = from
    const join = Stream.suspend(() => {
      const { head, items } = replay(log, filter, position)
      const onOverflow = (seq: number) => (position = { epoch: log.epoch, seq })
      return Stream.concat(items, live(log, filter, head, onOverflow))
    })
    return Stream.forever(join)
  })
