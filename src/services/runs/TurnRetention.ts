/**
 * TurnRetention: ended turns are remembered as long as events are, and no longer. Until then a repeated send is known by
 * its key; their messages stay as long as their session. It looks at no open turn.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { Events } from "../events/Events.ts"
import { Transcript } from "../transcript/Transcript.ts"

/** As many as go in a few milliseconds. */
const STEP = 500

export const forget = Effect.gen(function* () {
  const { retainDays } = (yield* GatewayConfig).events
  const events = yield* Events
  const { turns } = yield* Transcript
  const before = (yield* Clock.currentTimeMillis) - Duration.toMillis(Duration.days(retainDays))
  while ((yield* events.commit(() => [turns.forget(before, STEP), []])) === STEP) yield* Effect.yieldNow
}).pipe(Effect.withSpan("TurnRetention.forget"))

export const layer: Layer.Layer<never, never, Events | GatewayConfig | Transcript> = Layer.effectDiscard(
  forget.pipe(
    Effect.catch((error) => Effect.logWarning("Old turns could not be dropped", error)),
    Effect.repeat(Schedule.spaced("10 minutes")),
    Effect.forkScoped,
  ),
)
