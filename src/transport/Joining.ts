/**
 * Joining: how one follower is brought to the present, at the pace at which it reads: what has happened from where it
 * stands up to a head, then what was held for it meanwhile. It knows nobody else who follows.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { EventItem, Position } from "../domain/Event.ts"
import type { Events } from "../services/Events.ts"
import type { Follower, Group, WordedItem } from "./Groups.ts"
import type { Wording } from "./Wording.ts"

export interface Joining {
  /** Tells the past up to a head, then what was held since, until nothing more is held or too much was. */
  bringToPresent(group: Group, follower: Follower, from: Position | undefined): Effect.Effect<void>
  /** Tells what was held, until nothing more is: from there on the group's deliveries go on. */
  tellHeld(group: Group, follower: Follower): Effect.Effect<void>
}

/** `joins`: several texts become one frame. */
export const make = (events: Events["Service"], wording: Wording, joins: boolean): Joining => {
  /** Frame by frame, each when there is room. */
  const tellAtItsPace = Effect.fnUntraced(function* (
    group: Group,
    follower: Follower,
    batch: ReadonlyArray<WordedItem>,
  ) {
    const runs = group.runs(batch)
    for (let i = 0; i < runs.length; i++) {
      yield* follower.listener.room()
      group.hand(follower.listener, runs[i]!)
      const reached = runs[i]!.at(-1)!.at
      // One event may be several frames.
      if (runs[i + 1]?.[0]?.at !== reached) follower.seq = reached
    }
  })

  const tellPast = Effect.fnUntraced(function* (group: Group, follower: Follower, page: ReadonlyArray<EventItem>) {
    const worded: Array<WordedItem> = []
    for (const item of page) {
      // What is asked, and the lists that are told besides, are for a listener that can take them.
      yield* follower.listener.room()
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

  const tellHeld = Effect.fnUntraced(function* (group: Group, follower: Follower) {
    while (!follower.outrun) {
      const held = follower.takeHeld()
      if (held.length === 0) return
      yield* tellAtItsPace(
        group,
        follower,
        held.filter(({ at }) => at > follower.seq),
      )
    }
  })

  return {
    tellHeld,
    bringToPresent: Effect.fnUntraced(function* (group, follower, from) {
      follower.beginHolding()
      const { head, items } = yield* events.past(group.filter, from)
      yield* Stream.runForEachArray(items, (page) => tellPast(group, follower, page))
      follower.seq = head
      yield* tellHeld(group, follower)
    }),
  }
}
