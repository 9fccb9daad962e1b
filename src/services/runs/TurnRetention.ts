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
import { Tx } from "../storage/Tx.ts"

/** The turns that one step removes, in a few milliseconds. */
const STEP = 500

export const removeOldTurns = Effect.gen(function* () {
  const { retainDays } = (yield* GatewayConfig).events
  const events = yield* Events
  const before = (yield* Clock.currentTimeMillis) - Duration.toMillis(Duration.days(retainDays))
  const work = Effect.flatMap(Tx, ({ turns }) =>
    Effect.map(turns.forget(before, STEP), (removed) => [removed, []] as const),
  )
  while ((yield* events.commit(work)) === STEP) yield* Effect.yieldNow
}).pipe(Effect.withSpan("TurnRetention.removeOldTurns"))

export const layer: Layer.Layer<never, never, Events | GatewayConfig> = Layer.effectDiscard(
  removeOldTurns.pipe(
    Effect.catch((error) => Effect.logWarning("Cannot remove old turns", error)),
    Effect.repeat(Schedule.spaced("10 minutes")),
    Effect.forkScoped,
  ),
)
