/**
 * Retention: removes old rows, in small steps between other commits and again after each interval. TurnRetention,
 * OldTranscripts, Requests and ResponseRetention use it.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Stored } from "../storage/Stored.ts"
import { type Stores, Tx } from "../storage/Tx.ts"
import { Events } from "./Events.ts"

/** The rows that one step removes, in a few milliseconds. */
const STEP = 500

/** The beginning of the last `events.retainDays` days, in milliseconds since the Unix epoch. */
export const retainedSince = Effect.gen(function* () {
  const { retainDays } = (yield* GatewayConfig).events
  return (yield* Clock.currentTimeMillis) - Duration.toMillis(Duration.days(retainDays))
})

/** Repeats a step until no more rows are left. `remove` removes at most `limit` rows and returns their number. */
export const removeInSteps = Effect.fnUntraced(function* (remove: (stores: Stores, limit: number) => Stored<number>) {
  const events = yield* Events
  const work = Effect.flatMap(Tx, (stores) => Effect.map(remove(stores, STEP), (removed) => [removed, []] as const))
  while ((yield* events.commit(work)) === STEP) yield* Effect.yieldNow
})

/** Removes the rows now and again after each interval, until the scope closes. Logs failures. `name`: the rows in the log. */
export const removeRegularly = <E, R>(name: string, remove: Effect.Effect<void, E, R>, interval: Duration.Input) =>
  remove.pipe(
    Effect.catch((error) => Effect.logWarning(`Cannot remove old ${name}`, error)),
    Effect.repeat(Schedule.spaced(interval)),
    Effect.forkScoped,
  )
