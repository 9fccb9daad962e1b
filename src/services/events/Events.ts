/**
 * Events: the one place where something that happened gets its position. State changes and the events that tell of
 * them are committed together; only then are they live. It does not know what the events mean.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as SqlClient from "effect/sql/SqlClient"
import type { DatabaseSync } from "node:sqlite"
import type {
  EventFilter,
  EventItem,
  LiveEvent,
  Position,
  Positioned,
  ResetReason,
  RunText,
} from "../../domain/Event.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { replay, resetReason, subscribe } from "./Replay.ts"
import { EventLog, type EventTuning } from "./EventLog.ts"
import { type Change, makeWriter } from "./GroupCommit.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { isBusy, toStartupError } from "../storage/SqliteError.ts"

export type { Change }

/** 8,192 events are some seconds of a busy gateway; 16 million characters bound what long messages make of them. */
const TUNING: EventTuning = { ringEvents: 8_192, ringWeight: 16_777_216, chunk: 256 }

/** How often rows are looked at that have only become old. */
const SWEEP_INTERVAL = "10 minutes"

export class Events extends Context.Service<
  Events,
  {
    /** The newest position. */
    readonly head: () => Position
    /**
     * Writes and tells in one transaction, together with whatever else is committed in this event-loop turn. `work` is
     * synchronous and sees what was written before it; if it throws, its own writes are undone and the effect dies.
     * When this returns, the change is on disk, observers have seen its events and subscribers are being told.
     * Interrupted before its turn, it does nothing. Not to be used within a transaction.
     */
    commit<A>(work: (db: DatabaseSync) => Change<A>): Effect.Effect<A, StorageUnavailable>
    /**
     * As `commit`, for work that is an effect: everything that it does through SqlClient joins its one transaction.
     * Fails as the work fails, with nothing written and nothing told. Keep it short: the others wait.
     */
    transact<A, E, R>(work: Effect.Effect<Change<A>, E, R>): Effect.Effect<A, E | StorageUnavailable, R>
    /** Why a subscriber cannot go on from the position, if it cannot. */
    readonly resumeError: (from: Position) => ResetReason | null
    /** Tells something that is not kept. In order with everything committed before it; nothing of a run that is over. */
    readonly publishLive: (event: LiveEvent) => void
    /** What a run has said that has begun and has not ended: all of it up to `seq`, the event that is being told or the head. */
    readonly partialOutput: (runId: string, seq: number) => RunText | undefined
    /** Called for each event in the same synchronous step in which it becomes live: how caches stay exact. */
    onEvent(observer: (event: Positioned) => void): Effect.Effect<void, never, Scope.Scope>
    /**
     * Every event from now on, for a fan-out that encodes once for many. Unbounded: for a listener that never waits for
     * a client. Others `subscribe`.
     */
    readonly liveFeed: Effect.Effect<PubSub.Subscription<Positioned>, never, Scope.Scope>
    /**
     * What a subscriber who asks now has missed: `Joined`, kept events after `from`, open runs' texts, `CaughtUp`,
     * with `seq` <= `head`. The caller goes on with events of `listen` (begun before) whose `seq` is greater.
     * A second `Joined` follows where retention overtakes a reader in the middle.
     */
    replay(
      filter: EventFilter,
      from: Position | undefined,
    ): Effect.Effect<{ readonly head: number; readonly items: Stream.Stream<EventItem> }>
    /**
     * `past`, then what happens: every kept event once, in order, without a gap, however slow the subscriber. One that
     * falls too far behind is joined anew from where it stands (`Joined` again), and misses what was live only.
     */
    subscribe(filter: EventFilter, from?: Position): Stream.Stream<EventItem>
  }
>()("causeway/services/events/Events") {
  static readonly layerTuned = (
    tuning: Partial<EventTuning>,
  ): Layer.Layer<Events, StartupError, Sqlite | SqlClient.SqlClient | GatewayConfig> =>
    Layer.effect(Events, make({ ...TUNING, ...tuning }))

  static readonly layer = Layer.suspend(() => Events.layerTuned({}))
}

const make = Effect.fnUntraced(function* (tuning: EventTuning) {
  const { retainDays, retainRows } = (yield* GatewayConfig).events
  const retention = { rows: retainRows, ageMs: Duration.toMillis(Duration.days(retainDays)) }
  const { db, withLock, writeLock } = yield* Sqlite
  const told = yield* Effect.acquireRelease(PubSub.unbounded<Positioned>(), PubSub.shutdown)
  // At once, so that a listener wakes once and takes all of them.
  const publish = (events: ReadonlyArray<Positioned>) => Effect.runSync(PubSub.publishAll(told, events))
  const open = Effect.try({ try: () => new EventLog(db, retention, tuning, publish), catch: (error) => error })
  const log = yield* Effect.mapError(writeLock.retry(withLock(open), isBusy), (error) =>
    toStartupError(error, db.location() ?? "in memory"),
  )
  const writer = yield* makeWriter(log)
  yield* Effect.addFinalizer(() => writer.close)
  yield* Effect.forkScoped(sweep(log, writer.commit))

  const runFork = Effect.runForkWith(yield* Effect.context())
  /** What was told cannot be taken back, so an observer that throws is its own loss. */
  const guarded = (observer: (event: Positioned) => void) => (positioned: Positioned) => {
    try {
      observer(positioned)
    } catch (defect) {
      runFork(Effect.logError("an observer of events failed", Cause.die(defect)))
    }
  }

  return Events.of({
    head: () => ({ epoch: log.epoch, seq: log.head }),
    resumeError: (from) => resetReason(log, from),
    commit: (work) => Effect.withSpan(writer.commit(work), "Events.commit"),
    transact: (work) => Effect.withSpan(writer.transact(work), "Events.transact"),
    publishLive: writer.live,
    partialOutput: (runId, seq) => log.texts.get(runId, seq),
    onEvent: (observer) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => log.onEvent(guarded(observer))),
          (remove) => Effect.sync(remove),
        ),
      ),
    liveFeed: PubSub.subscribe(told),
    replay: (filter, from) => Effect.sync(() => replay(log, filter, from)),
    subscribe: (filter, from) => subscribe(log, filter, from),
  })
})

/** Every group that is written drops a step of what is too much. A quiet gateway writes none, but its rows get old. */
const sweep = (log: EventLog, commit: (work: () => Change<void>) => Effect.Effect<void, StorageUnavailable>) =>
  Effect.gen(function* () {
    while (log.table.overdue(yield* Clock.currentTimeMillis)) yield* commit(() => [undefined, []])
  }).pipe(
    Effect.catch((error) => Effect.logWarning("old events could not be dropped", error)),
    Effect.repeat(Schedule.spaced(SWEEP_INTERVAL)),
  )
