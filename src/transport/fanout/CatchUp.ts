/**
 * CatchUp: sends a subscriber the events that it misses, at the pace at which its client reads, until it is live. The
 * subscriber's reader returns the pages: items of the log, which are encoded here for this subscriber, and then encoded
 * events of the group's backlog. Fanout.ts uses it.
 */
import * as Effect from "effect/Effect"
import type { EventItem } from "../../domain/Event.ts"
import type { EncodedEvent } from "./EncodedEvent.ts"
import type { EventEncoder } from "./EventEncoder.ts"
import type { Subscriber } from "./Subscriber.ts"
import type { Group } from "./SubscriberGroups.ts"

/** Returns after the subscriber has become live. */
export type CatchUp<V> = (group: Group<V>, subscriber: Subscriber) => Effect.Effect<void>

/** `joinsTexts`: whether the dialect joins several events into one frame. */
export const make = <V>(encoder: EventEncoder<V>, joinsTexts: boolean): CatchUp<V> => {
  /** Sends frame by frame, each when the sink is writable. */
  const sendPaced = Effect.fnUntraced(function* (
    group: Group<V>,
    subscriber: Subscriber,
    batch: ReadonlyArray<EncodedEvent>,
  ) {
    const runs = group.runs(batch)
    for (let i = 0; i < runs.length; i++) {
      yield* subscriber.sink.awaitWritable()
      group.send(subscriber.sink, runs[i]!)
      const reached = runs[i]!.at(-1)!.at
      // One event may be several frames.
      if (runs[i + 1]?.[0]?.at !== reached) subscriber.seq = reached
    }
  })

  const sendMissed = Effect.fnUntraced(function* (
    group: Group<V>,
    subscriber: Subscriber,
    page: ReadonlyArray<EventItem>,
  ) {
    const encoded: Array<EncodedEvent> = []
    for (const item of page) {
      // Queries and snapshots are worth their cost only for a sink that can take them.
      yield* subscriber.sink.awaitWritable()
      const frames = encoder.event(group, item, () => JSON.stringify(item))
      // `Joined` and `CaughtUp` have no position; a resume sends them again.
      const seq = item._tag === "Event" ? item.seq : undefined
      for (const frame of Effect.isEffect(frames) ? yield* frames : frames) {
        encoded.push({ frame, seq, at: item.seq, bytes: undefined })
      }
      if (item._tag === "Joined" && item.reset !== null) subscriber.reset = item.reset
      if (!joinsTexts) yield* sendPaced(group, subscriber, encoded.splice(0))
    }
    yield* sendPaced(group, subscriber, encoded)
    subscriber.seq = page.at(-1)?.seq ?? subscriber.seq
  })

  return Effect.fnUntraced(function* (group, subscriber) {
    while (!group.goLive(subscriber)) {
      const page = yield* subscriber.reader.next
      yield* page._tag === "Missed"
        ? sendMissed(group, subscriber, page.items)
        : sendPaced(group, subscriber, page.items)
    }
  })
}
