/**
 * CallsInFlight: the unanswered calls of one connection. It runs each in a fiber, cancels it by id, and counts it
 * towards the limits of the connection's principal. DialectSession.ts uses it.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { RateLimited } from "../../domain/Refusal.ts"
import type { Backpressure, ConnectionAuth } from "../connection/Peer.ts"
import { untilDrained } from "../connection/UntilDrained.ts"
import type { SubscriptionCount } from "../dialect/Dialect.ts"

type Id = string | number

type PacedPeer = Pick<ConnectionAuth, "usage"> & Pick<Backpressure, "awaitDrain">

export interface Call<A, E> {
  /** The id that cancels the call. No two calls in flight share it. `undefined` if the call cannot be cancelled. */
  readonly id: Id | undefined
  readonly bytes: number
  readonly run: Effect.Effect<A, E>
  /** Sends the reply. It runs after the id is free. */
  readonly reply: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
}

export class CallsInFlight implements SubscriptionCount {
  size = 0
  readonly #peer: PacedPeer
  readonly #scope: Scope.Scope
  readonly #cancels = new Map<Id, Effect.Effect<void>>()
  #onNone: (() => void) | undefined = undefined
  #bytes = 0
  #subscriptions = 0
  #released = false

  /** The calls run in `scope` and count towards the limits of the principal of `peer`. */
  constructor(peer: PacedPeer, scope: Scope.Scope) {
    this.#peer = peer
    this.#scope = scope
  }

  has(id: Id | undefined): boolean {
    return id !== undefined && this.#cancels.has(id)
  }

  /** Starts the call and returns. */
  start<A, E>({ bytes, id, reply, run }: Call<A, E>): Effect.Effect<void> {
    return Effect.suspend(() => {
      let interrupt: (() => void) | undefined
      this.size++
      this.#count(1, bytes)
      if (id !== undefined) {
        this.#cancels.set(
          id,
          Effect.sync(() => interrupt?.()),
        )
      }
      const paced = Effect.tap(run, () => untilDrained(this.#peer) ?? Effect.void)
      const life = Effect.onExit(paced, (exit) => {
        this.size--
        this.#count(-1, -bytes)
        if (id !== undefined) this.#cancels.delete(id)
        return Effect.tap(reply(exit), () => {
          if (this.size === 0) this.#onNone?.()
          return Effect.void
        })
      })
      return Effect.map(Effect.forkIn(life, this.#scope, { startImmediately: true }), (fiber) => {
        interrupt = () => fiber.interruptUnsafe()
      })
    })
  }

  /** Counts the bytes of a call that waits to start. A negative number subtracts them. */
  hold(bytes: number): void {
    this.#count(0, bytes)
  }

  /** Returns the refusal if the principal has as many subscriptions as it may have. */
  refusal(): RateLimited | undefined {
    return this.#peer.usage?.subscriptionRefusal()
  }

  /** Adds to the number of subscriptions. A negative number subtracts subscriptions that have ended. */
  changed(change: number): void {
    const { usage } = this.#peer
    if (this.#released || usage === undefined) return
    this.#subscriptions += change
    usage.subscriptions += change
  }

  /** Subtracts everything that this connection counts. It runs when the connection ends; later changes do not count. */
  release(): void {
    const { usage } = this.#peer
    if (this.#released || usage === undefined) return
    this.#released = true
    usage.calls -= this.size
    usage.bytes -= this.#bytes
    usage.subscriptions -= this.#subscriptions
  }

  /** Interrupts the call with this id if it is in flight. */
  cancel(id: Id): Effect.Effect<void> {
    return this.#cancels.get(id) ?? Effect.void
  }

  /** Waits until every call has been answered. */
  none(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.size === 0) return resume(Effect.void)
      this.#onNone = () => resume(Effect.void)
    })
  }

  #count(calls: number, bytes: number): void {
    const { usage } = this.#peer
    if (this.#released || usage === undefined) return
    this.#bytes += bytes
    usage.calls += calls
    usage.bytes += bytes
  }
}
