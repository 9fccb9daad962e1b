/**
 * Repeats reads and writes that the gateway has promised. TurnRunner, RuntimeOutput and RunDeadlines use it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { Events } from "../events/Events.ts"
import type { Tx, Work } from "../storage/Tx.ts"

/** A full disk may get room again, and a failing one may recover. */
export const untilStorageIsBack = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])

/** Repeats the access of a turn to storage until it succeeds. Logs one warning. */
const retried = <A>(access: Effect.Effect<A, StorageUnavailable>): Effect.Effect<A> =>
  Effect.suspend(() => {
    let warned = false
    const warnOnce = ({ detail }: StorageUnavailable) => {
      if (warned) return Effect.void
      warned = true
      return Effect.logWarning("A turn waits for storage", detail)
    }
    return access.pipe(Effect.tapError(warnOnce), Effect.retry(untilStorageIsBack), Effect.orDie)
  })

export const make = Effect.map(Events, (events) => ({
  /** Reads now, or as soon as storage works. */
  read: <A>(look: Effect.Effect<A, StorageUnavailable, Tx>): Effect.Effect<A> => retried(events.read(look)),
  /** Commits a change of a session now, or as soon as storage works. */
  commit: <A>(sessionKey: string, change: (at: number) => Work<A>): Effect.Effect<A> =>
    retried(Effect.flatMap(Clock.currentTimeMillis, (at) => events.commit(change(at), { key: sessionKey }))),
}))
