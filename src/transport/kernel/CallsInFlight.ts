/**
 * CallsInFlight: the calls of one connection that are not answered yet: their number, how each is ended that the client
 * can refer to, and their share of what the principal may have in flight.
 */
import * as Effect from "effect/Effect"
import type { ConnectionAuth } from "../connection/Peer.ts"

type Id = string | number

export class CallsInFlight {
  size = 0
  readonly #peer: Pick<ConnectionAuth, "usage">
  readonly #cancels = new Map<Id, Effect.Effect<void>>()
  #onNone: (() => void) | undefined = undefined
  #bytes = 0
  #subscriptions = 0
  #released = false

  /** `peer`: whose principal the calls count to. */
  constructor(peer: Pick<ConnectionAuth, "usage">) {
    this.#peer = peer
  }

  has(id: Id | undefined): boolean {
    return id !== undefined && this.#cancels.has(id)
  }

  /** `id`: by which the client can cancel the call; until it ends no other call may have it. */
  begin(id: Id | undefined, cancel: Effect.Effect<void>, bytes: number): void {
    this.size++
    this.#count(1, bytes)
    if (id !== undefined) this.#cancels.set(id, cancel)
  }

  /** The call has ended, and its id is free. */
  end(id: Id | undefined, bytes: number): void {
    this.size--
    this.#count(-1, -bytes)
    if (id !== undefined) this.#cancels.delete(id)
  }

  /** Counts bytes that wait without being a call yet, or wait no more. */
  hold(bytes: number): void {
    this.#count(0, bytes)
  }

  /** Counts subscriptions that the client has asked for, or has ended. */
  subscribed(change: number): void {
    const { usage } = this.#peer
    if (this.#released || usage === undefined) return
    this.#subscriptions += change
    usage.subscriptions += change
  }

  /** The connection has ended: nothing of it counts any more, whatever ends later. */
  release(): void {
    const { usage } = this.#peer
    if (this.#released || usage === undefined) return
    this.#released = true
    usage.calls -= this.size
    usage.bytes -= this.#bytes
    usage.subscriptions -= this.#subscriptions
  }

  /** To be called when what has ended is answered. */
  settle(): void {
    if (this.size === 0) this.#onNone?.()
  }

  /** A call that is not in flight is left alone. */
  cancel(id: Id): Effect.Effect<void> {
    return this.#cancels.get(id) ?? Effect.void
  }

  /** Returns when every call has been answered. */
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
