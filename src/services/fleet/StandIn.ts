/**
 * StandIn: work that is done while gateways do not answer: it waits for them, begins, and stands down as soon as one
 * answers. The poller and the made-up agents use it.
 */
import * as Effect from "effect/Effect"

/** Whether somebody answers now, and the moment at which that changes. */
export class Answering {
  #current = false
  readonly #waiting = new Set<() => void>()

  set(current: boolean): void {
    if (current === this.#current) return
    this.#current = current
    for (const check of this.#waiting) check()
  }

  until(wanted: boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const check = () => {
        if (this.#current === wanted) resume(Effect.void)
      }
      this.#waiting.add(check)
      check()
      return Effect.sync(() => this.#waiting.delete(check))
    })
  }
}

/**
 * Begins the duty when nobody has answered for `patience`, at the start and after each answer that ends. Interrupts it at
 * the next answer.
 */
export const standIn = (
  answering: Answering,
  patience: `${number} seconds`,
  duty: Effect.Effect<void>,
): Effect.Effect<never> =>
  Effect.gen(function* () {
    const answer = yield* Effect.timeoutOption(answering.until(true), patience)
    if (answer._tag === "None") yield* Effect.raceFirst(Effect.andThen(duty, Effect.never), answering.until(true))
    yield* answering.until(false)
  }).pipe(Effect.forever)
