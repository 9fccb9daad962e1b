/**
 * CallsInFlight: the unanswered calls of one connection. It runs each in a fiber, cancels it by id, and counts it
 * towards the limits of the connection's principal. DialectSession.ts and RpcSession.ts use it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { RateLimited } from "../../domain/Refusal.ts"
import type { Backpressure, ConnectionAuth } from "../connection/Peer.ts"
import { finish, type Unfinished } from "../connection/Unfinished.ts"
import { untilDrained } from "../connection/UntilDrained.ts"
import type { SubscriptionCount } from "../dialect/Dialect.ts"

type Id = string | number

/** Runs an effect in a fiber until it has to wait. All connections of a wire share one function. */
export type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>

type PacedPeer = Pick<ConnectionAuth, "usage"> & Pick<Backpressure, "awaitDrain">

export interface Call<A, E> {
  /** The id that cancels the call. No two calls in flight share it. `undefined` if the call cannot be cancelled. */
  readonly id: Id | undefined
  readonly bytes: number
  readonly run: Effect.Effect<A, E>
  /** Sends the reply. It runs after the id is free. */
  readonly reply: (exit: Exit.Exit<A, E>) => Unfinished
}

export class CallsInFlight implements SubscriptionCount {
  size = 0
  readonly #peer: PacedPeer
  readonly #scope: Scope.Scope
  readonly #fork: Fork
  /** The fibers of the calls that did not end at once. */
  #waiting: Map<Id, Fiber.Fiber<unknown, unknown>> | undefined = undefined
  #onNone: (() => void) | undefined = undefined
  #bytes = 0
  #subscriptions = 0
  #released = false

  /** The calls run by `fork` until `scope` closes, and count towards the limits of the principal of `peer`. */
  constructor(peer: PacedPeer, scope: Scope.Scope, fork: Fork) {
    this.#peer = peer
    this.#scope = scope
    this.#fork = fork
  }

  has(id: Id | undefined): boolean {
    return id !== undefined && this.#waiting?.has(id) === true
  }

  /** Starts the call and returns. A call that need not wait has its reply by then. */
  start<A, E>(call: Call<A, E>): void {
    this.size++
    this.#count(1, call.bytes)
    const fiber = this.#fork(call.run)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) this.#watch(call.id, fiber, (later) => this.#pace(call, later))
    else this.#pace(call, exit)
  }

  /** Keeps the fiber until it ends, or the connection ends, or `id` cancels it. */
  #watch<A, E>(id: Id | undefined, fiber: Fiber.Fiber<A, E>, ended: (exit: Exit.Exit<A, E>) => void): void {
    if (id !== undefined) (this.#waiting ??= new Map()).set(id, fiber)
    Fiber.runIn(fiber, this.#scope).addObserver(ended)
  }

  /** Ends the call when the client keeps up. */
  #pace<A, E>(call: Call<A, E>, exit: Exit.Exit<A, E>): void {
    const drain = Exit.isSuccess(exit) ? untilDrained(this.#peer) : undefined
    if (drain === undefined) this.#end(call, exit)
    else this.#watch(call.id, this.#fork(Effect.andThen(drain, exit)), (paced) => this.#end(call, paced))
  }

  #end<A, E>({ bytes, id, reply }: Call<A, E>, exit: Exit.Exit<A, E>): void {
    this.size--
    this.#count(-1, -bytes)
    if (id !== undefined) this.#waiting?.delete(id)
    const unfinished = reply(exit)
    if (unfinished === undefined) this.#replied()
    else this.#watch(undefined, this.#fork(unfinished), () => this.#replied())
  }

  #replied(): void {
    if (this.size === 0) this.#onNone?.()
  }

  /** Calls `start` after the outbox has drained. Until then the bytes of the call count towards the principal's limits. */
  after(drain: Effect.Effect<void>, bytes: number, start: () => Unfinished): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#count(0, bytes)
      const drained = Effect.ensuring(
        drain,
        Effect.sync(() => this.#count(0, -bytes)),
      )
      return Effect.flatMap(drained, () => finish(start()))
    })
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
  cancel(id: Id): void {
    this.#waiting?.get(id)?.interruptUnsafe()
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
