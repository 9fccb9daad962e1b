/**
 * Subscriptions: the subscriptions of one connection, by key. Each is a fiber in the connection's scope that the fan-out
 * serves. DialectSession.ts uses it and has checked the scopes.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { EventFilter, Position, ResetReason } from "../../domain/Event.ts"
import { CloseCodes } from "../connection/CloseCodes.ts"
import type { Peer } from "../connection/Peer.ts"
import type { Fanout, Subscription } from "./Fanout.ts"

/** The events of a dialect, and the client that receives them. */
export interface EventFeed<V> {
  readonly fanout: Fanout<V>
  readonly peer: Peer
}

interface Running {
  readonly subscription: Subscription
  readonly fiber: Fiber.Fiber<never>
}

type Joined = (key: string, at: Position, reset: ResetReason | null) => Effect.Effect<void>

export class Subscriptions<V> {
  readonly #peer: Peer
  readonly #fanout: Fanout<V>
  readonly #scope: Scope.Scope
  readonly #joined: Joined
  readonly #byKey = new Map<string, Running>()

  /** `joined` runs each time that a subscription has caught up. */
  constructor({ fanout, peer }: EventFeed<V>, scope: Scope.Scope, joined: Joined) {
    this.#peer = peer
    this.#fanout = fanout
    this.#scope = scope
    this.#joined = joined
  }

  get size(): number {
    return this.#byKey.size
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
    const replaced = this.#byKey.get(key)?.subscription
    return Effect.flatMap(this.unsubscribe(key), () => {
      const joined = (at: Position, reset: ResetReason | null) => this.#joined(key, at, reset)
      const subscription = this.#fanout.subscribe(this.#peer, view, filter, from ?? replaced?.position(), joined)
      // Started at once: a live event between the head and the start would be lost, because the log does not replay it.
      const started = Effect.forkIn(this.#run(subscription), this.#scope, { startImmediately: true })
      return Effect.map(started, (fiber) => {
        this.#byKey.set(key, { subscription, fiber })
      })
    })
  }

  /** Ends the subscription. Returns whether there was one. */
  unsubscribe(key: string): Effect.Effect<boolean> {
    const running = this.#byKey.get(key)
    if (running === undefined) return Effect.succeed(false)
    this.#byKey.delete(key)
    return Effect.as(Fiber.interrupt(running.fiber), true)
  }

  /** Closes the connection if the subscription fails, so that the client comes back and resumes. */
  #run({ life }: Subscription): Effect.Effect<never> {
    return Effect.onError(life, (cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.void
      this.#peer.close(CloseCodes.internal)
      return Effect.logError("a subscription failed", cause)
    })
  }
}
