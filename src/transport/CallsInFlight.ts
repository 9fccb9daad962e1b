/**
 * The calls of one connection that are not answered yet: how many, how each is ended that the client can refer to, and
 * when there are none. It knows no method and no answer.
 */
import * as Effect from "effect/Effect"

type Id = string | number

export class CallsInFlight {
  size = 0
  readonly #cancels = new Map<Id, Effect.Effect<void>>()
  #onNone: (() => void) | undefined = undefined

  has(id: Id | undefined): boolean {
    return id !== undefined && this.#cancels.has(id)
  }

  /** `id`: by which the client can cancel the call; until it ends no other call may have it. */
  begin(id: Id | undefined, cancel: Effect.Effect<void>): void {
    this.size++
    if (id !== undefined) this.#cancels.set(id, cancel)
  }

  /** The call has ended, and its id is free. */
  end(id: Id | undefined): void {
    this.size--
    if (id !== undefined) this.#cancels.delete(id)
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
}
