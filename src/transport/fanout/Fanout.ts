/**
 * The fan-out: one listener to the events for a whole dialect. An event is worded once for all who follow alike and
 * handed to their outboxes; each is first brought to the present from its own position. It knows no frame.
 *
 * Where a frame says more than its event, the fan-out asks once, for all, and the events behind it wait: positions that
 * a client sees only ever ascend, or it could not resume.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { type EventFilter, type Position, type Positioned, type ResetReason, wants } from "../../domain/Event.ts"
import { Events } from "../../services/events/Events.ts"
import type { Dialect, Frame } from "../dialect/Dialect.ts"
import * as SnapshotRefresh from "./SnapshotRefresh.ts"
import { Subscriber, Group, groupId, type Sink, type EncodedEvent } from "./SubscriberGroups.ts"
import * as CatchUp from "./CatchUp.ts"
import { TextThrottle } from "./TextThrottle.ts"
import * as EventEncoder from "./EventEncoder.ts"

/** How long somebody waits for everything to be told. */
const PATIENCE = "2 seconds"

export interface Subscription {
  /** Everything up to it was handed to the outbox: from here a client that got all of that can resume. */
  readonly position: () => Position
  /** Brings the listener to the present, calls back, and goes on with what happens, until interrupted. */
  readonly life: Effect.Effect<never>
}

export interface Fanout {
  /** Returns when all that has happened until now has been told to those who follow it. */
  readonly allPublished: Effect.Effect<void>
  subscribe(
    listener: Sink,
    key: string,
    filter: EventFilter,
    from: Position | undefined,
    joined: (at: Position, reset: ResetReason | null) => Effect.Effect<void>,
  ): Subscription
}

/** `call`: how what the dialect asks is answered. `digestPauseMs`: how often a list may be told as a whole. */
export const make = Effect.fnUntraced(function* (
  dialect: Pick<Dialect, "name" | "event" | "frame" | "pace" | "beat">,
  call: SnapshotRefresh.Call,
  digestPauseMs: number,
): Effect.fn.Return<Fanout, never, Events | Scope.Scope> {
  const events = yield* Events
  const clock = yield* Clock.Clock
  const news = yield* events.liveFeed
  const { epoch, seq: start } = events.head()
  const groups = new Map<string, Group>()
  /** Everything up to it was handed to all who are in the present. */
  let toldSeq = start
  /** Who wants to know when a position is reached, in order. */
  let waiting: Array<readonly [seq: number, reached: () => void]> = []

  const snapshots = yield* SnapshotRefresh.make<Group>(call, digestPauseMs, (group, key, text) =>
    group.publish({ policy: "latest", key, text }),
  )
  const encoder = yield* EventEncoder.make(dialect, call, snapshots, epoch)
  const { catchUp: bringToPresent, flushBuffer: tellHeld } = CatchUp.make(events, encoder, dialect.frame !== undefined)
  const textThrottle = dialect.pace && new TextThrottle(dialect.pace.everyMs)
  const paced = yield* Queue.sliding<void>(1)
  // One at a time tells: a batch that waits for an answer is not overtaken.
  const turns = yield* Semaphore.make(1)

  const tellAll = Effect.fnUntraced(function* (batch: ReadonlyArray<Positioned>) {
    const now = clock.currentTimeMillisUnsafe()
    const before = textThrottle && batch.map((item) => textThrottle.push(item, now))
    const texts = batch.map((item) => {
      let text: string | undefined
      return () => (text ??= JSON.stringify(item))
    })
    for (const group of groups.values()) {
      const worded: Array<EncodedEvent> = []
      for (let i = 0; i < batch.length; i++) {
        const item = batch[i]!
        if (!wants(group.filter, item.event)) continue
        const text = before?.[i]
        if (text !== undefined) {
          // They go with the event: whoever is told it is told them.
          for (const told of encoder.paced(group, text)) worded.push(eventOf(told, item.seq))
        }
        const frames = encoder.frames(group, item, texts[i]!)
        for (const told of Effect.isEffect(frames) ? yield* frames : frames) worded.push(eventOf(told, item.seq))
      }
      if (worded.length > 0) group.deliver(worded)
    }
    toldSeq = batch.at(-1)?.seq ?? toldSeq
    for (const [seq, reached] of waiting) if (seq <= toldSeq) reached()
    waiting = waiting.filter(([seq]) => seq > toldSeq)
    if (textThrottle?.next() !== undefined) Queue.offerUnsafe(paced, undefined)
  })

  /** Told in the order of what happens, whatever goes wrong. */
  const inTurn = (telling: Effect.Effect<void>) =>
    turns.withPermit(Effect.catchDefect(telling, (bug) => Effect.sync(() => encoder.logFailure(bug))))

  const tellNews = Effect.flatMap(PubSub.takeAll(news), (batch) => inTurn(tellAll(batch)))
  yield* Effect.forkScoped(Effect.forever(tellNews, { disableYield: true }))

  /** Of a text that nothing else of its run has brought forth. */
  const tellDue = (pacing: TextThrottle) => {
    for (const text of pacing.due(clock.currentTimeMillisUnsafe())) {
      for (const group of groups.values()) {
        if (!wants(group.filter, text.event)) continue
        for (const told of encoder.paced(group, text)) group.publishLive(told)
      }
    }
  }
  if (textThrottle !== undefined) {
    const waitAndTell = Effect.gen(function* () {
      yield* Queue.take(paced)
      for (let at = textThrottle.next(); at !== undefined; at = textThrottle.next()) {
        yield* Effect.sleep(Math.max(0, at - clock.currentTimeMillisUnsafe()))
        yield* inTurn(Effect.sync(() => tellDue(textThrottle)))
      }
    })
    yield* Effect.forkScoped(Effect.forever(waitAndTell))
  }

  if (dialect.beat !== undefined) {
    const beat = Effect.sync(() => {
      const now = clock.currentTimeMillisUnsafe()
      for (const group of groups.values()) for (const told of encoder.beat(group, now)) group.publish(told)
    })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(inTurn(beat), dialect.beat.everyMs)))
  }

  const enter = (key: string, filter: EventFilter, follower: Subscriber): Group => {
    const id = groupId(key, filter)
    const group = groups.get(id) ?? new Group(key, filter, dialect.frame)
    groups.set(id, group)
    group.subscribers.add(follower)
    return group
  }

  const leave = (group: Group, follower: Subscriber): void => {
    group.subscribers.delete(follower)
    if (group.subscribers.size === 0) groups.delete(groupId(group.key, group.filter))
  }

  const allTold = Effect.callback<void>((resume) => {
    const { seq } = events.head()
    if (seq <= toldSeq) return resume(Effect.void)
    waiting.push([seq, () => resume(Effect.void)])
  })

  return {
    allPublished: Effect.timeoutOrElse(allTold, { duration: PATIENCE, orElse: () => Effect.void }),
    subscribe: (listener, key, filter, from, joined) => {
      // A position of another log is none of ours: the beginning is as good for being told so.
      const follower = new Subscriber(
        listener,
        from === undefined ? events.head().seq : from.epoch === epoch ? from.seq : 0,
      )
      const isPresent = () => follower.buffered === undefined
      const position = () => ({ epoch, seq: isPresent() ? Math.max(follower.seq, toldSeq) : follower.seq })
      const live = Effect.fnUntraced(function* (group: Group) {
        yield* bringToPresent(group, follower, from)
        while (!isPresent()) yield* bringToPresent(group, follower, position())
        yield* joined(position(), follower.reset)
        while (true) {
          yield* follower.detached()
          yield* tellHeld(group, follower)
          while (!isPresent()) yield* bringToPresent(group, follower, position())
        }
      })
      const life = Effect.acquireUseRelease(
        Effect.sync(() => enter(key, filter, follower)),
        live,
        (group) =>
          Effect.sync(() => {
            follower.seq = position().seq
            follower.buffered = []
            leave(group, follower)
          }),
      )
      return { position, life }
    },
  }
})

const eventOf = (told: Frame, seq: number): EncodedEvent => ({ told, seq, at: seq, bytes: undefined })
