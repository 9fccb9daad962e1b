/**
 * Events: the one place where something that happened gets its position. State changes and the events that tell of
 * them are committed together; only then are they live. It does not know what the events mean.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { DatabaseSync } from "node:sqlite"
import type { EventFilter, EventItem, KeptEvent, LiveEvent, Position, Positioned } from "../domain/Event.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"

/** What a change answers, and the events that tell of it (none: nothing happened). */
export type Change<A> = readonly [answer: A, events: ReadonlyArray<KeptEvent>]

export class Events extends Context.Service<
  Events,
  {
    /** The newest position. */
    readonly head: () => Position
    /**
     * Writes and tells in one transaction, together with whatever else is committed in this event-loop turn. `work` is
     * synchronous and sees what was written before it; if it throws, its own writes are undone and the effect dies.
     * When this returns, the change is on disk, observers have seen its events and subscribers are being told.
     */
    commit<A>(work: (db: DatabaseSync) => Change<A>): Effect.Effect<A, StorageUnavailable>
    /**
     * As `commit`, for work that is an effect: everything that it does through SqlClient joins its one transaction.
     * Fails as the work fails, with nothing written and nothing told.
     */
    transact<A, E, R>(work: Effect.Effect<Change<A>, E, R>): Effect.Effect<A, E | StorageUnavailable, R>
    /** Tells something that is not kept. In order with everything committed before it. */
    readonly live: (event: LiveEvent) => void
    /** Called for each event in the same synchronous step in which it becomes live: how caches stay exact. */
    observe(observer: (event: Positioned) => void): Effect.Effect<void, never, Scope.Scope>
    /** Every event from now on, for a fan-out that encodes once for many. */
    readonly listen: Effect.Effect<PubSub.Subscription<Positioned>, never, Scope.Scope>
    /**
     * What a subscriber who asks now has missed: `Joined`, kept events after `from`, open runs' texts, `CaughtUp`,
     * with `seq` <= `head`. The caller goes on with events of `listen` (begun before) whose `seq` is greater.
     */
    past(
      filter: EventFilter,
      from: Position | undefined,
    ): Effect.Effect<{ readonly head: number; readonly items: Stream.Stream<EventItem> }>
    /** `past`, then what happens: every kept event once, in order, without a gap. */
    subscribe(filter: EventFilter, from: Position | undefined): Stream.Stream<EventItem>
  }
>()("causeway/services/Events") {}
