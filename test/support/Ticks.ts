/** Ticks: waits for a state of the gateway that no event announces, one event-loop tick after another, without a sleep. */
import * as Effect from "effect/Effect"

/** Waits for one tick: sockets are read, and batches are handled. */
export const tick = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Waits until the condition holds. */
export const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.whileLoop({ while: () => !holds(), body: () => tick, step: () => {} })
