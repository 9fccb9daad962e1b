/**
 * Subscriptions: the subscriptions of one connection, by key. Each is a fiber in the connection's scope until it has caught
 * up. DialectSession.ts uses it and has checked the scopes.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { EventFilter, Position, ResetReason } from "../../domain/Event.ts"
import { CloseCodes } from "../connection/CloseCodes.ts"
import type { Peer } from "../connection/Peer.ts"
import type { Fanout } from "./Fanout.ts"
import type { Subscription } from "./Subscription.ts"

/** The events of a dialect, and the client that receives them. */
export interface EventFeed<V> {
  readonly fanout: Fanout<V>
  readonly peer: Peer
}

type Joined = (key: string, at: Position, reset: ResetReason | null) => Effect.Effect<void>

interface Running<V> {
  readonly subscription: Subscription<V>
  /** Catches up. A client of WebSockets is never full, so a live subscription needs no fiber. */
  fiber: Fiber.Fiber<void> | undefined
}

export class Subscriptions<V> {
  readonly #peer: Peer
  readonly #fanout: Fanout<V>
  readonly #scope: Scope.Scope
  readonly #joined: Joined
  readonly #byKey = new Map<string, Running<V>>()

  /** `joined` runs when a subscription has caught up. `scope` owns the fibers; `release` follows their end. */
  constructor({ fanout, peer }: EventFeed<V>, scope: Scope.Scope, joined: Joined) {
    this.#peer = peer
    this.#fanout = fanout
    this.#scope = scope
    this.#joined = joined
  }

  get size(): number {
    return this.#byKey.size
  }

  /** Waits until the fan-out has published every event so far. */
  get allPublished(): Effect.Effect<void> {
    return this.#fanout.allPublished
  }

  /** Returns the position up to which the outbox has the events of all subscriptions, or `undefined` without any. */
  sentSeq(): number | undefined {
    let least: number | undefined
    for (const { subscription } of this.#byKey.values()) {
      const { seq } = subscription.position()
      if (least === undefined || seq < least) least = seq
    }
    return least
  }

  /** Replaces the subscription of the same key. Without `from`, the new one goes on where the old one stood. */
  subscribe(key: string, view: V, filter: EventFilter, from: Position | undefined): Effect.Effect<void> {
    return this.#replace(key, undefined, (last) => this.#start(key, view, filter, from ?? last))
  }

  /** Ends the subscription. Returns whether there was one. */
  unsubscribe(key: string): Effect.Effect<boolean> {
    return this.#replace(key, undefined, (last) => Effect.succeed(last !== undefined))
  }

  /** Ends all subscriptions, because the connection has ended. */
  release(): void {
    for (const { subscription } of this.#byKey.values()) subscription.leave()
  }

  /**
   * Ends the subscription of the key and runs `next` with its position. Another call can begin the next subscription of
   * the key during the wait. It ends too, so that the last call wins.
   */
  #replace<A>(
    key: string,
    last: Position | undefined,
    next: (last: Position | undefined) => Effect.Effect<A>,
  ): Effect.Effect<A> {
    return Effect.suspend(() => {
      const running = this.#byKey.get(key)
      if (running === undefined) return next(last)
      const { fiber, subscription } = running
      // A connection that ends meanwhile leaves here too.
      const left = Effect.ensuring(
        fiber === undefined ? Effect.void : Fiber.interrupt(fiber),
        Effect.sync(() => {
          subscription.leave()
          if (this.#byKey.get(key) === running) this.#byKey.delete(key)
        }),
      )
      return Effect.flatMap(left, () => this.#replace(key, subscription.position(), next))
    })
  }

  #start(key: string, view: V, filter: EventFilter, from: Position | undefined): Effect.Effect<void> {
    const subscription = this.#fanout.subscribe(this.#peer, view, filter, from)
    const running: Running<V> = { subscription, fiber: undefined }
    this.#byKey.set(key, running)
    // Enters at once: a live event between the head and the entry would be lost, because the log does not replay it.
    subscription.enter()
    const joined = Effect.suspend(() => this.#joined(key, subscription.position(), subscription.reset))
    const life = Effect.onExit(Effect.andThen(subscription.caughtUp, joined), (exit) => {
      running.fiber = undefined
      return Exit.isFailure(exit) ? this.#failed(exit.cause) : Effect.void
    })
    return Effect.map(Effect.forkIn(life, this.#scope, { startImmediately: true }), (fiber) => {
      if (fiber.pollUnsafe() === undefined) running.fiber = fiber
    })
  }

  /** Closes the connection if the subscription fails, so that the client comes back and resumes. */
  #failed(cause: Cause.Cause<never>): Effect.Effect<void> {
    if (Cause.hasInterruptsOnly(cause)) return Effect.void
    this.#peer.close(CloseCodes.internal)
    return Effect.logError("a subscription failed", cause)
  }
}
