/**
 * What one connection follows, by key: each a fiber in the connection's scope that the fan-out tells. It knows no frame
 * and checks no scope.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { EventFilter, Position, ResetReason } from "../../domain/Event.ts"
import { CloseCodes } from "../connection/CloseCodes.ts"
import type { Fanout, Subscription } from "./Fanout.ts"
import type { Peer } from "../connection/Peer.ts"

/** The events of a dialect, and the client that receives them. */
export interface EventFeed {
  readonly fanout: Fanout
  readonly peer: Peer
}

interface Entry {
  readonly followed: Subscription
  readonly fiber: Fiber.Fiber<never>
}

type Joined = (key: string, at: Position, reset: ResetReason | null) => Effect.Effect<void>

export class Subscriptions {
  readonly #peer: Peer
  readonly #fanout: Fanout
  readonly #scope: Scope.Scope
  readonly #joined: Joined
  readonly #entries = new Map<string, Entry>()

  constructor({ fanout, peer }: EventFeed, scope: Scope.Scope, joined: Joined) {
    this.#peer = peer
    this.#fanout = fanout
    this.#scope = scope
    this.#joined = joined
  }

  get size(): number {
    return this.#entries.size
  }

  /** The position that the client has of all that it follows, as far as it was handed to the outbox. */
  sentSeq(): number | undefined {
    let least: number | undefined
    for (const { followed } of this.#entries.values()) {
      const { seq } = followed.position()
      if (least === undefined || seq < least) least = seq
    }
    return least
  }

  /** What had the key before ends; without `from`, this goes on where it stood. */
  subscribe(key: string, filter: EventFilter, from: Position | undefined, wording = key): Effect.Effect<void> {
    const replaced = this.#entries.get(key)?.followed
    return Effect.flatMap(this.unsubscribe(key), () => {
      const joined = (at: Position, reset: ResetReason | null) => this.#joined(key, at, reset)
      const followed = this.#fanout.subscribe(this.#peer, wording, filter, from ?? replaced?.position(), joined)
      return Effect.map(Effect.forkIn(this.#live(followed), this.#scope), (fiber) => {
        this.#entries.set(key, { followed, fiber })
      })
    })
  }

  unsubscribe(key: string): Effect.Effect<boolean> {
    const entry = this.#entries.get(key)
    if (entry === undefined) return Effect.succeed(false)
    this.#entries.delete(key)
    return Effect.as(Fiber.interrupt(entry.fiber), true)
  }

  /** A client that is told nothing more must learn of it: closed, it comes back and resumes. */
  #live({ life }: Subscription): Effect.Effect<never> {
    return Effect.onError(life, (cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.void
      this.#peer.close(CloseCodes.internal)
      return Effect.logError("following events failed", cause)
    })
  }
}
