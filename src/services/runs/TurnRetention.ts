/**
 * Removes ended turns that are older than `events.retainDays`. Until then the gateway recognizes a repeated send by its
 * key. Their messages stay as long as their session. Gateway.ts starts it.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { Events } from "../events/Events.ts"
import { Transcript } from "../transcript/Transcript.ts"

/** The turns that one step removes, in a few milliseconds. */
const STEP = 500

export const removeOldTurns = Effect.gen(function* () {
  const { retainDays } = (yield* GatewayConfig).events
  const events = yield* Events
  const { turns } = yield* Transcript
  const before = (yield* Clock.currentTimeMillis) - Duration.toMillis(Duration.days(retainDays))
  while ((yield* events.commit(() => [turns.removeEnded(before, STEP), []])) === STEP) yield* Effect.yieldNow
}).pipe(Effect.withSpan("TurnRetention.removeOldTurns"))

export const layer: Layer.Layer<never, never, Events | GatewayConfig | Transcript> = Layer.effectDiscard(
  removeOldTurns.pipe(
    Effect.catch((error) => Effect.logWarning("Cannot remove old turns", error)),
    Effect.repeat(Schedule.spaced("10 minutes")),
    Effect.forkScoped,
  ),
)
