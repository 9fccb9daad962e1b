/** AheadClock: lets time pass for the removal of old data. The tests of OpenAI's API use it. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Runs the effect as if so many milliseconds had passed. Its sleeps still take real time. */
export const ahead =
  (ms: number) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Clock.Clock, (clock) => {
      const currentTimeMillis = Effect.sync(() => clock.currentTimeMillisUnsafe() + ms)
      const later: Clock.Clock = Object.assign(Object.create(clock) as Clock.Clock, { currentTimeMillis })
      return Effect.provideService(effect, Clock.Clock, later)
    })
