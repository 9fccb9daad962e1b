/**
 * Subscription: one client's part of a fan-out. It enters a group of subscribers, catches up from its position, and serves
 * live events from then on, which needs no fiber. Fanout.ts makes subscriptions.
 */
import * as Effect from "effect/Effect"
import type { EventFilter, Position, ResetReason } from "../../domain/Event.ts"
import type { CatchUp } from "./CatchUp.ts"
import type { Sink, Subscriber } from "./Subscriber.ts"
import type { Group } from "./SubscriberGroups.ts"

/** A subscriber in its group. */
export interface Membership<V> {
  readonly id: string
  readonly group: Group<V>
  readonly subscriber: Subscriber
}

/** The part that all subscriptions of a fan-out share. */
export interface SubscriptionHost<V> {
  readonly epoch: string
  /** Live subscribers have every event up to this position. */
  readonly publishedSeq: () => number
  readonly enter: (sink: Sink, view: V, filter: EventFilter, from: Position | undefined, seq: number) => Membership<V>
  readonly leave: (membership: Membership<V>) => void
  readonly catchUp: CatchUp<V>
}

export class Subscription<V> {
  readonly #host: SubscriptionHost<V>
  readonly #sink: Sink
  #view: V
  #filter: EventFilter
  readonly #from: Position | undefined
  #seq: number
  #membership: Membership<V> | undefined = undefined

  /** `seq`: the position in this epoch at which the subscriber starts. */
  constructor(
    host: SubscriptionHost<V>,
    sink: Sink,
    view: V,
    filter: EventFilter,
    from: Position | undefined,
    seq: number,
  ) {
    this.#host = host
    this.#sink = sink
    this.#view = view
    this.#filter = filter
    this.#from = from
    this.#seq = seq
  }

  /** The outbox has every event up to this position. A client that received all of it can resume here. */
  position(): Position {
    return { epoch: this.#host.epoch, seq: this.#reached() }
  }

  /** Why some events could not be replayed. */
  get reset(): ResetReason | null {
    return this.#membership?.subscriber.reset ?? null
  }

  /** Enters the group. From now on until `leave`, the subscriber misses no live event. */
  enter(): void {
    this.#membership = this.#host.enter(this.#sink, this.#view, this.#filter, this.#from, this.#seq)
    // The group's view and filter are equal to these. One pair for all subscriptions of a group saves memory.
    this.#view = this.#membership.group.view
    this.#filter = this.#membership.group.filter
  }

  /** Sends the events that the subscriber misses, and returns once it is live. */
  get caughtUp(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { group, subscriber } = this.#membership!
      return this.#host.catchUp(group, subscriber)
    })
  }

  /** Calls the function once the live subscriber misses events, because its sink was full. */
  whenDetached(call: () => void): void {
    this.#membership?.subscriber.whenDetached(call)
  }

  leave(): void {
    const membership = this.#membership
    if (membership === undefined) return
    this.#seq = this.#reached()
    this.#membership = undefined
    this.#host.leave(membership)
  }

  /** Serves a sink that may be full, until it is interrupted: catches up again whenever it was. */
  get life(): Effect.Effect<never> {
    const serve = Effect.suspend(() => Effect.andThen(this.caughtUp, this.#membership!.subscriber.detached()))
    return Effect.acquireUseRelease(
      Effect.sync(() => this.enter()),
      () => Effect.forever(serve, { disableYield: true }),
      () => Effect.sync(() => this.leave()),
    )
  }

  #reached(): number {
    const subscriber = this.#membership?.subscriber
    if (subscriber === undefined) return this.#seq
    return subscriber.isLive ? Math.max(subscriber.seq, this.#host.publishedSeq()) : subscriber.seq
  }
}
