/**
 * Fanout: the one subscriber of a dialect to the event log. It encodes each event once for each group of subscribers
 * with the same view and hands the bytes to their outboxes. A subscriber first catches up from its own position, and again
 * whenever its sink was full.
 *
 * If encoding an event needs a query, the fan-out runs it once for all subscribers, and the events behind it wait:
 * positions that a client sees must ascend, or it could not resume.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { type EventFilter, type Position, type Positioned, wants } from "../../domain/Event.ts"
import { Events } from "../../services/events/Events.ts"
import type { EventEncoding, Frame } from "../dialect/Dialect.ts"
import type { Contract } from "../dialect/Query.ts"
import { Backlog, type BacklogBounds, BOUNDS } from "./Backlog.ts"
import * as CatchUp from "./CatchUp.ts"
import * as EventEncoder from "./EventEncoder.ts"
import * as SnapshotRefresh from "./SnapshotRefresh.ts"
import type { EncodedEvent } from "./EncodedEvent.ts"
import { type Sink, Subscriber } from "./Subscriber.ts"
import { Subscription, type SubscriptionHost } from "./Subscription.ts"
import { Group, groupId } from "./SubscriberGroups.ts"
import { TextThrottle } from "./TextThrottle.ts"

/** The longest that `allPublished` waits. */
const PUBLISH_TIMEOUT = "2 seconds"

export interface Fanout<V> {
  /** Waits until the fan-out has published every event so far. */
  readonly allPublished: Effect.Effect<void>
  /** Returns a subscription from the position on, or from the newest event. */
  subscribe(sink: Sink, view: V, filter: EventFilter, from: Position | undefined): Subscription<V>
}

/**
 * `contract` answers the dialect's queries. `snapshotPauseMs`: the shortest time between two refreshes of a list. `bounds`
 * apply to the backlog of each group.
 */
export const make = Effect.fnUntraced(function* <V>(
  encoding: EventEncoding<V>,
  contract: Contract["Service"],
  snapshotPauseMs: number,
  bounds: BacklogBounds = BOUNDS,
): Effect.fn.Return<Fanout<V>, never, Events | Scope.Scope> {
  const events = yield* Events
  const clock = yield* Clock.Clock
  const feed = yield* events.liveFeed
  const { epoch, seq: start } = events.head()
  const groups = new Map<string, Group<V>>()
  /** The ends of the groups' counts in Events, by the group's id. */
  const ends = new Map<string, () => void>()
  /** Live subscribers have every event up to this position. */
  let publishedSeq = start
  /** Callbacks that wait for a position, in order. */
  let waiting: Array<readonly [seq: number, reached: () => void]> = []

  const snapshots = yield* SnapshotRefresh.make<Group<V>>(contract, snapshotPauseMs, (group, key, text) =>
    group.publish({ policy: "latest", key, text }),
  )
  const encoder = yield* EventEncoder.make(encoding, contract, snapshots, epoch)
  const catchUp = CatchUp.make(encoder, encoding.frame !== undefined)
  const throttle = encoding.textThrottle && new TextThrottle(encoding.textThrottle.everyMs)
  const throttled = yield* Queue.sliding<void>(1)
  // One batch at a time: a batch that waits for a query is not overtaken.
  const turns = yield* Semaphore.make(1)

  const publishBatch = Effect.fnUntraced(function* (batch: ReadonlyArray<Positioned>) {
    const now = clock.currentTimeMillisUnsafe()
    const textsBefore = throttle && batch.map((item) => throttle.push(item, now))
    const jsons = batch.map((item) => {
      let json: string | undefined
      return () => (json ??= JSON.stringify(item))
    })
    for (const group of groups.values()) {
      const encoded: Array<EncodedEvent> = []
      for (let i = 0; i < batch.length; i++) {
        const item = batch[i]!
        if (!wants(group.filter, item.event)) continue
        const text = textsBefore?.[i]
        if (text !== undefined) {
          for (const frame of encoder.throttledText(group, text)) encoded.push(eventOf(frame, item.seq))
        }
        const frames = encoder.event(group, item, jsons[i]!)
        for (const frame of Effect.isEffect(frames) ? yield* frames : frames) encoded.push(eventOf(frame, item.seq))
      }
      if (encoded.length > 0) group.deliver(encoded)
    }
    publishedSeq = batch.at(-1)?.seq ?? publishedSeq
    for (const [seq, reached] of waiting) if (seq <= publishedSeq) reached()
    waiting = waiting.filter(([seq]) => seq > publishedSeq)
    if (throttle?.next() !== undefined) Queue.offerUnsafe(throttled, undefined)
  })

  /** Runs the effect in turn with all others. A defect is logged and ends this effect only. */
  const inTurn = (effect: Effect.Effect<void>) =>
    turns.withPermit(Effect.catchDefect(effect, (bug) => Effect.sync(() => encoder.logFailure(bug))))

  // Yields, so that a client gets the answer to its call before the events of the call.
  const takeNext = Effect.tap(PubSub.takeAll(feed), Effect.yieldNow)
  const publishNext = Effect.flatMap(takeNext, (batch) => inTurn(publishBatch(batch)))
  yield* Effect.forkScoped(Effect.forever(publishNext, { disableYield: true }))

  /** Publishes throttled texts that no other event of their run has brought along. */
  const publishDue = (throttle: TextThrottle) => {
    for (const text of throttle.due(clock.currentTimeMillisUnsafe())) {
      for (const group of groups.values()) {
        if (!wants(group.filter, text.event)) continue
        for (const frame of encoder.throttledText(group, text)) group.publishLive(frame)
      }
    }
  }
  if (throttle !== undefined) {
    const waitAndPublish = Effect.gen(function* () {
      yield* Queue.take(throttled)
      for (let at = throttle.next(); at !== undefined; at = throttle.next()) {
        yield* Effect.sleep(Math.max(0, at - clock.currentTimeMillisUnsafe()))
        yield* inTurn(Effect.sync(() => publishDue(throttle)))
      }
    })
    yield* Effect.forkScoped(Effect.forever(waitAndPublish))
  }

  if (encoding.keepAlive !== undefined) {
    const keepAlive = Effect.sync(() => {
      const now = clock.currentTimeMillisUnsafe()
      for (const group of groups.values()) for (const frame of encoder.keepAlive(group, now)) group.publish(frame)
    })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(inTurn(keepAlive), encoding.keepAlive.everyMs)))
  }

  /** Counts the group in Events until its end. */
  const begin = (id: string, view: V, filter: EventFilter): Group<V> => {
    const group = new Group(view, filter, encoding, new Backlog(publishedSeq, bounds))
    groups.set(id, group)
    ends.set(id, events.join(filter))
    return group
  }

  const host: SubscriptionHost<V> = {
    epoch,
    publishedSeq: () => publishedSeq,
    catchUp,
    enter: (sink, view, filter, from, seq) => {
      const id = groupId(encoding.viewKey(view), filter)
      const group = groups.get(id) ?? begin(id, view, filter)
      const subscriber = new Subscriber(sink, events.reader(group.filter, from, group.backlog), seq)
      group.add(subscriber)
      return { id, group, subscriber }
    },
    leave: ({ group, id, subscriber }) => {
      group.remove(subscriber)
      if (!group.isEmpty) return
      groups.delete(id)
      ends.get(id)?.()
      ends.delete(id)
    },
  }

  const published = Effect.callback<void>((resume) => {
    const { seq } = events.head()
    if (seq <= publishedSeq) return resume(Effect.void)
    waiting.push([seq, () => resume(Effect.void)])
  })

  return {
    allPublished: Effect.timeoutOrElse(published, { duration: PUBLISH_TIMEOUT, orElse: () => Effect.void }),
    subscribe: (sink, view, filter, from) => {
      // A position of another epoch starts at 0, where the replay reports the reset. One of a live event before a restart
      // may be above the head.
      const head = events.head().seq
      const seq = from === undefined ? head : from.epoch === epoch ? Math.min(from.seq, head) : 0
      return new Subscription(host, sink, view, filter, from, seq)
    },
  }
})

const eventOf = (frame: Frame, seq: number): EncodedEvent => ({ frame, seq, at: seq, bytes: undefined })
