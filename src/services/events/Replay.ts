/**
 * How a subscriber comes to the present: what it missed, then what happens, every kept event once and in order. Nothing
 * is held for a subscriber but its place in the log, so a slow one costs no memory: when the ring has gone past it, it
 * is joined anew from where it stands.
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

/** Why the subscriber cannot go on from its position, if it cannot. */
export const resetReason = (log: EventLog, from: Position): ResetReason | null => {
  if (from.epoch !== log.epoch) return "epoch"
  if (from.seq > log.head) return "future"
  return from.seq < log.table.dropped ? "retention" : null
}

/** What a subscriber who asks now has missed. Noted at once: the head and what the open runs have said up to it. */
export const replay = (
  log: EventLog,
  filter: EventFilter,
  from: Position | undefined,
): { readonly head: number; readonly items: Stream.Stream<EventItem> } => {
  const { epoch, head } = log
  const reset = from === undefined ? null : resetReason(log, from)
  const start = from === undefined || reset !== null ? head : from.seq
  const joined: EventItem = { _tag: "Joined", epoch, seq: start, reset }
  const present: ReadonlyArray<EventItem> = [...log.texts.wanted(filter, head), { _tag: "CaughtUp", seq: head }]
  // Most clients come for the present, and many may come at once.
  if (start >= head) return { head, items: Stream.fromArray([joined, ...present]) }
  const missed = kept(log, filter, start, head)
  return { head, items: Stream.concat(Stream.concat(Stream.succeed(joined), missed), Stream.fromArray(present)) }
}

type Page = readonly [items: ReadonlyArray<EventItem>, next: Option.Option<number>]

/** The kept events after `start` and up to `head`, a page at a time: from memory where they are there. */
const kept = (log: EventLog, filter: EventFilter, start: number, head: number): Stream.Stream<EventItem> => {
  const wanted = ({ event }: Positioned) => wants(filter, event)
  const keptAndWanted = (positioned: Positioned) => isKept(positioned.event) && wanted(positioned)

  const fromMemory = (cursor: number): Page => {
    const page = log.ring.read(keptAndWanted, cursor, head, log.chunk)
    return [page.events, next(page)]
  }
  // Rows of a transaction that is not committed yet lie above the head, so that no lock is needed to read.
  const fromTable = (cursor: number): Page => {
    const page = log.table.read(filter.sessionKey, cursor, head, log.chunk)
    return [page.events.filter(wanted), next(page)]
  }
  // The old end has come closer while the subscriber was reading, and has taken rows that it has not seen.
  const lost: Page = [[{ _tag: "Joined", epoch: log.epoch, seq: head, reset: "retention" }], Option.none()]

  return Stream.paginate(start, (cursor) => {
    if (cursor < log.table.dropped) return Effect.succeed(lost)
    if (cursor >= log.ring.after) return Effect.succeed(fromMemory(cursor))
    // Pages that hold nothing wanted would otherwise follow each other in one turn of the event loop.
    return Effect.as(Effect.yieldNow, fromTable(cursor))
  })
}

const next = (page: { readonly events: ReadonlyArray<Positioned>; readonly more: boolean }): Option.Option<number> =>
  page.more ? Option.map(Arr.last(page.events), ({ seq }) => seq) : Option.none()

/** What happens after `cursor`, until the subscriber is outrun; `outrun` is then told where it stands. */
const live = (log: EventLog, filter: EventFilter, cursor: number, outrun: (cursor: number) => void) =>
  Stream.fromPull(
    Effect.sync(() => {
      const reader: ParkedReader = { filter, cursor, wake: () => undefined }
      const wanted = ({ event }: Positioned) => wants(filter, event)
      const sleep = Effect.callback<void>((resume) => {
        reader.wake = () => resume(Effect.void)
        return Effect.sync(log.park(reader))
      })
      return Effect.suspend(function pull(): Pull.Pull<Arr.NonEmptyReadonlyArray<EventItem>> {
        if (reader.cursor < log.ring.after) {
          outrun(reader.cursor)
          return Cause.done()
        }
        const { events, more } = log.ring.read(wanted, reader.cursor, log.head, log.chunk)
        if (!Arr.isArrayNonEmpty(events)) {
          reader.cursor = log.head
          return Effect.flatMap(sleep, pull)
        }
        reader.cursor = more ? Arr.lastNonEmpty(events).seq : log.head
        return Effect.succeed(events)
      })
    }),
  )

/** `past`, then what happens, for as long as somebody listens. */
export const subscribe = (log: EventLog, filter: EventFilter, from: Position | undefined): Stream.Stream<EventItem> =>
  Stream.suspend(() => {
    let position = from
    const join = Stream.suspend(() => {
      const { head, items } = replay(log, filter, position)
      const outrun = (seq: number) => (position = { epoch: log.epoch, seq })
      return Stream.concat(items, live(log, filter, head, outrun))
    })
    return Stream.forever(join)
  })
