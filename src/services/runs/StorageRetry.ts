/**
 * Retries of writes that the gateway has promised. TurnRunner and RunDeadlines use them.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Events } from "../events/Events.ts"
import type { Work } from "../storage/Tx.ts"

/** A full disk may get room again, and a failing one may recover. */
export const untilStorageIsBack = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])

/** Makes a function that commits a change of a session now, and retries until storage works. It logs one warning. */
export const makeCommit = Effect.map(
  Events,
  (events) =>
    <A>(sessionKey: string, change: (at: number) => Work<A>): Effect.Effect<A> =>
      Effect.suspend(() => {
        let warned = false
        const warnOnce = ({ detail }: StorageUnavailable) => {
          if (warned) return Effect.void
          warned = true
          return Effect.logWarning("A turn waits for storage", detail)
        }
        return Effect.flatMap(Clock.currentTimeMillis, (at) => events.commit(change(at), { key: sessionKey })).pipe(
          Effect.tapError(warnOnce),
          Effect.retry(untilStorageIsBack),
          Effect.orDie,
        )
      }),
)
