/**
 * Joining: how one follower is brought to the present, at the pace at which it reads: what has happened from where it
 * stands up to a head, then what was held for it meanwhile. It knows nobody else who follows.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { EventItem, Position } from "../../domain/Event.ts"
import type { Events } from "../../services/events/Events.ts"
import type { Subscriber, Group, EncodedEvent } from "./SubscriberGroups.ts"
import type { EventEncoder } from "./EventEncoder.ts"

export interface CatchUp {
  /** Tells the past up to a head, then what was held since, until nothing more is held or too much was. */
  catchUp(group: Group, follower: Subscriber, from: Position | undefined): Effect.Effect<void>
  /** Tells what was held, until nothing more is: from there on the group's deliveries go on. */
  flushBuffer(group: Group, follower: Subscriber): Effect.Effect<void>
}

/** `joins`: several texts become one frame. */
export const make = (events: Events["Service"], wording: EventEncoder, joins: boolean): CatchUp => {
  /** Frame by frame, each when there is room. */
  const tellAtItsPace = Effect.fnUntraced(function* (
    group: Group,
    follower: Subscriber,
    batch: ReadonlyArray<EncodedEvent>,
  ) {
    const runs = group.runs(batch)
    for (let i = 0; i < runs.length; i++) {
      yield* follower.listener.awaitWritable()
      group.send(follower.listener, runs[i]!)
      const reached = runs[i]!.at(-1)!.at
      // One event may be several frames.
      if (runs[i + 1]?.[0]?.at !== reached) follower.seq = reached
    }
  })

  const tellPast = Effect.fnUntraced(function* (group: Group, follower: Subscriber, page: ReadonlyArray<EventItem>) {
    const worded: Array<EncodedEvent> = []
    for (const item of page) {
      // What is asked, and the lists that are told besides, are for a listener that can take them.
      yield* follower.listener.awaitWritable()
      const frames = wording.frames(group, item, () => JSON.stringify(item))
      // What frames the past has no place of its own: resuming tells it again.
      const seq = item._tag === "Event" ? item.seq : undefined
      for (const told of Effect.isEffect(frames) ? yield* frames : frames) {
        worded.push({ told, seq, at: item.seq, bytes: undefined })
      }
      if (item._tag === "Joined" && item.reset !== null) follower.reset = item.reset
      if (!joins) yield* tellAtItsPace(group, follower, worded.splice(0))
    }
    yield* tellAtItsPace(group, follower, worded)
    follower.seq = page.at(-1)?.seq ?? follower.seq
  })

  const tellHeld = Effect.fnUntraced(function* (group: Group, follower: Subscriber) {
    while (!follower.overflowed) {
      const held = follower.takeBuffered()
      if (held.length === 0) return
      yield* tellAtItsPace(
        group,
        follower,
        held.filter(({ at }) => at > follower.seq),
      )
    }
  })

  return {
    flushBuffer: tellHeld,
    catchUp: Effect.fnUntraced(function* (group, follower, from) {
      follower.startBuffering()
      const { head, items } = yield* events.replay(group.filter, from)
      yield* Stream.runForEachArray(items, (page) => tellPast(group, follower, page))
      follower.seq = head
      yield* tellHeld(group, follower)
    }),
  }
}
