/** Observes the events that the gateway publishes. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type { GatewayEvent } from "../../src/domain/Event.ts"
import { Events } from "../../src/services/events/Events.ts"

/** Records all later events in an array that grows. */
export const recordEvents = Effect.gen(function* () {
  const events = yield* Events
  const published: Array<GatewayEvent> = []
  yield* events.onEvent(({ event }) => published.push(event))
  return published
})

/** Returns the events that the effect publishes. */
export const publishedBy = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const subscription = yield* (yield* Events).liveFeed
    yield* effect
    const positioned = yield* PubSub.takeUpTo(subscription, yield* PubSub.remaining(subscription))
    return positioned.map(({ event }) => event)
  }).pipe(Effect.scoped)

/** Returns when the condition holds. It checks now and after each event. */
export const untilEvent = (holds: () => boolean) =>
  Effect.gen(function* () {
    const events = yield* Events
    const reached = Deferred.makeUnsafe<void>()
    const check = () => {
      if (holds()) Deferred.doneUnsafe(reached, Effect.void)
    }
    yield* events.onEvent(check)
    check()
    yield* Deferred.await(reached)
  }).pipe(Effect.scoped)
