/**
 * CatchUp: brings one subscriber from its position to the present, at the pace at which its client reads. It replays the
 * log up to a head and then flushes what the group has buffered meanwhile. Fanout.ts uses it.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { EventItem, Position } from "../../domain/Event.ts"
import type { Events } from "../../services/events/Events.ts"
import type { EventEncoder } from "./EventEncoder.ts"
import type { EncodedEvent, Group, Subscriber } from "./SubscriberGroups.ts"

export interface CatchUp<V> {
  /** Replays the log up to its head and flushes the buffer. Afterwards the subscriber is live, or has overflowed. */
  catchUp(group: Group<V>, subscriber: Subscriber, from: Position | undefined): Effect.Effect<void>
  /** Sends the buffered events until there are none or the buffer has overflowed. */
  flushBuffer(group: Group<V>, subscriber: Subscriber): Effect.Effect<void>
}

/** `joinsTexts`: whether the dialect joins several events into one frame. */
export const make = <V>(events: Events["Service"], encoder: EventEncoder<V>, joinsTexts: boolean): CatchUp<V> => {
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

  const sendPage = Effect.fnUntraced(function* (
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

  const flushBuffer = Effect.fnUntraced(function* (group: Group<V>, subscriber: Subscriber) {
    while (!subscriber.overflowed) {
      const buffered = subscriber.takeBuffered()
      if (buffered.length === 0) return
      const unsent = buffered.filter(({ at }) => at > subscriber.seq)
      yield* sendPaced(group, subscriber, unsent)
    }
  })

  return {
    flushBuffer,
    catchUp: Effect.fnUntraced(function* (group, subscriber, from) {
      subscriber.startBuffering()
      const { head, items } = yield* events.replay(group.filter, from)
      yield* Stream.runForEachArray(items, (page) => sendPage(group, subscriber, page))
      subscriber.seq = head
      yield* flushBuffer(group, subscriber)
    }),
  }
}
