/**
 * Events: stores and publishes everything that happens. It assigns each event its position, and commits state changes
 * together with their events before it publishes them. Every service that stores state uses it. The fan-out of the
 * transport reads it.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type {
  EventFilter,
  EventItem,
  LiveEvent,
  Position,
  Positioned,
  ResetReason,
  RunText,
  Topic,
} from "../../domain/Event.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { Histogram } from "../../domain/Histogram.ts"
import { EventBus, isShared } from "../storage/EventBus.ts"
import { Storage } from "../storage/Storage.ts"
import type { Tx, Work } from "../storage/Tx.ts"
import { EventLog, type EventTuning } from "./EventLog.ts"
import { EventReader, type RecentItems, subscribe } from "./EventReader.ts"
import { FollowedTopics } from "./FollowedTopics.ts"
import { makeGroupCommit, type WriteOutcome } from "./GroupCommit.ts"
import { resetReason } from "./Replay.ts"

/** 8,192 events cover some seconds of a busy gateway. The 16 million characters bound the memory of long messages. */
const TUNING: EventTuning = { ringEvents: 8_192, ringWeight: 16_777_216, chunk: 256 }

/** How often the gateway drops rows that are older than `retainDays`, if nothing else is written. */
const SWEEP_INTERVAL = "10 minutes"

export interface EventFigures {
  /** Stored events that subscribers have received later, because they missed them. */
  readonly replayed: number
  /** How long the transactions take, by outcome. */
  readonly writes: ReadonlyMap<WriteOutcome, Histogram>
}

export class Events extends Context.Service<
  Events,
  {
    /** Returns the position of the newest published event: the epoch of the log and a sequence number. */
    readonly head: () => Position
    /**
     * Commits a state change and its events in one transaction, together with the other commits of this event-loop turn.
     *
     * `work` acts through `Tx`, sees earlier writes, and returns its answer and its events. If it fails or dies, its own
     * writes are undone and the effect fails or dies with it. An interrupt before its turn cancels it. The log names a
     * work that takes longer than 50 ms. Works with different keys may overlap in time on a database that is far away; works
     * with one key run in order. Without a key, a work runs alone.
     *
     * When the effect succeeds, the change is on disk, the observers have received its events and subscribers are about
     * to receive them. Fails with `StorageUnavailable`, with nothing written, if the disk fails, if another process holds
     * the write lock for `lockWaitMs`, or after the gateway has stopped.
     */
    commit<A, E = never>(
      work: Work<A, E>,
      options?: { readonly key?: string | undefined },
    ): Effect.Effect<A, E | StorageUnavailable>
    /** Reads outside of commits. Several reads are no snapshot: commits may come between them. */
    read<A, E = never>(look: Effect.Effect<A, E | StorageUnavailable, Tx>): Effect.Effect<A, E | StorageUnavailable>
    /** Returns the reason why a subscriber cannot resume from the position, or `null` if it can. */
    readonly resumeError: (from: Position) => ResetReason | null
    /**
     * Publishes an event that is not stored, after everything committed before it. Drops deltas of runs that have ended.
     * The other nodes publish it too, except events about this node: presence, log entries and its stop.
     */
    readonly publishLive: (event: LiveEvent) => void
    /**
     * Returns the partial output of a run up to `seq`, which is the head or the event that is being published. Returns
     * `undefined` if the run is not open.
     */
    readonly partialOutput: (runId: string, seq: number) => RunText | undefined
    /**
     * Calls the observer for each event until the scope closes, in the same synchronous step in which the event becomes
     * live. Caches stay exact this way. The log reports an observer that throws.
     */
    onEvent(observer: (event: Positioned) => void): Effect.Effect<void, never, Scope.Scope>
    /**
     * Counts a subscriber of the topics until the returned function is called. The fan-out counts its subscribers, and
     * `subscribe` counts itself.
     */
    readonly join: (filter: EventFilter) => () => void
    /** Calls the observer with whether the topic has subscribers, now and at each change, until the scope closes. */
    onFollowed(topic: Topic, observer: (isFollowed: boolean) => void): Effect.Effect<void, never, Scope.Scope>
    /**
     * Subscribes to every event from now on, until the scope closes. For a fan-out that encodes an event once for many
     * clients. The queue is unbounded, so its reader must never wait for a client. All others use `subscribe`.
     */
    readonly liveFeed: Effect.Effect<PubSub.Subscription<Positioned>, never, Scope.Scope>
    /**
     * Returns a reader for one subscriber, from the position on or from the head. It replays the missed items up to the
     * head: `Joined`, the kept events after `from`, a `RunText` for each open run, and `CaughtUp`. Then it reads `recent`,
     * which holds what the subscriber receives of the events after the head. If `recent` no longer reaches back to the
     * reader's cursor, another replay follows. If retention drops rows that the reader has not received, a second
     * `Joined` follows.
     */
    reader<A>(filter: EventFilter, from: Position | undefined, recent: RecentItems<A>): EventReader<A>
    /**
     * Streams the missed items and then new events: every kept event once, in order and without a gap, however slow the
     * subscriber is. A subscriber that falls too far behind starts over from its own position, with another `Joined`. It
     * misses only live events. Without `from`, the stream begins at the head.
     */
    subscribe(filter: EventFilter, from?: Position): Stream.Stream<EventItem>
    /** Returns the figures since the start. */
    readonly figures: Effect.Effect<EventFigures>
  }
>()("causeway/services/events/Events") {
  /** As `layer`, with other bounds of memory. For tests. */
  static readonly layerTuned = (tuning: Partial<EventTuning>): Layer.Layer<Events, never, Storage | EventBus> =>
    Layer.effect(Events, make({ ...TUNING, ...tuning }))

  /** Writes pending events when its scope closes. */
  static readonly layer = Layer.suspend(() => Events.layerTuned({}))
}

const make = Effect.fnUntraced(function* (tuning: EventTuning) {
  const storage = yield* Storage
  const feed = yield* Effect.acquireRelease(PubSub.unbounded<Positioned>(), PubSub.shutdown)
  // All events of a step at once, so that each reader wakes once.
  const publish = (events: ReadonlyArray<Positioned>) => Effect.runSync(PubSub.publishAll(feed, events))
  const log = new EventLog(storage, tuning, publish)
  const followed = new FollowedTopics()
  const groupCommit = yield* makeGroupCommit(log)
  const bus = yield* EventBus
  yield* bus.subscribe("Live", ({ event }) => groupCommit.publishLive(event))
  yield* Effect.addFinalizer(() => groupCommit.close)
  yield* Effect.forkScoped(sweep(log, groupCommit.commit(Effect.succeed([undefined, []]), undefined)))

  const runFork = Effect.runForkWith(yield* Effect.context())
  /** Contains the defects of an observer: published events cannot be taken back. */
  const contained = (observer: (event: Positioned) => void) => (positioned: Positioned) => {
    try {
      observer(positioned)
    } catch (defect) {
      runFork(Effect.logError("an observer of events failed", Cause.die(defect)))
    }
  }

  return Events.of({
    head: () => ({ epoch: log.epoch, seq: log.head }),
    resumeError: (from) => resetReason(log, from),
    commit: (work, options) => groupCommit.commit(work, options?.key),
    read: (look) => storage.read(look),
    publishLive: (event) => {
      groupCommit.publishLive(event)
      if (isShared(event)) bus.publish({ _tag: "Live", event })
    },
    partialOutput: (runId, seq) => log.partialOutputs.get(runId, seq),
    onEvent: (observer) => untilClose(() => log.onEvent(contained(observer))),
    join: (filter) => followed.add(filter),
    onFollowed: (topic, observer) => untilClose(() => followed.observe(topic, observer)),
    liveFeed: PubSub.subscribe(feed),
    reader: (filter, from, recent) => new EventReader(log, filter, from, recent),
    subscribe: (filter, from) =>
      Stream.unwrap(
        Effect.as(
          untilClose(() => followed.add(filter)),
          subscribe(log, filter, from),
        ),
      ),
    figures: Effect.sync(() => ({ replayed: log.replayed, writes: groupCommit.writeTimes.all })),
  })
})

/** Adds something, and removes it with the returned function when the scope closes. */
const untilClose = (add: () => () => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(Effect.sync(add), (remove) => Effect.sync(remove)))

/** Drops old rows of a quiet gateway. Each written group drops one step of them, so it commits empty groups. */
const sweep = (log: EventLog, commitNothing: Effect.Effect<void, StorageUnavailable>) =>
  Effect.gen(function* () {
    while (log.storage.isOverdue(yield* Clock.currentTimeMillis)) yield* commitNothing
  }).pipe(
    Effect.catch((error) =>
      Effect.logWarning(`cannot drop old events. The gateway tries again in ${SWEEP_INTERVAL}`, error),
    ),
    Effect.repeat(Schedule.spaced(SWEEP_INTERVAL)),
  )
