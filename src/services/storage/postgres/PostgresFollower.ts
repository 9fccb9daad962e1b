/**
 * PostgresFollower: publishes the events that other writers commit, each once and in order. It reads the rows after the
 * last one whenever it is woken, so a wake-up may be early, repeated or late. PostgresStorage wakes it by PostgresListener.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { StorageUnavailable } from "../../../domain/Storage.ts"
import type { EventPage, KeptRow } from "../Storage.ts"

/** Events that one read returns. */
const PAGE = 1_000

export interface FollowerOptions {
  /** Returns events after a number, oldest first. */
  readonly read: (after: number, limit: number) => Effect.Effect<EventPage, StorageUnavailable>
  /** Returns the number of the newest published event. */
  readonly published: () => number
  readonly publish: (rows: ReadonlyArray<KeptRow>) => void
}

/** Returns the function that wakes the follower. The scope ends it. */
export const follow = Effect.fnUntraced(function* ({
  publish,
  published,
  read,
}: FollowerOptions): Effect.fn.Return<() => void, never, Scope.Scope> {
  const signal = yield* Queue.sliding<void>(1)
  const catchUp = Effect.gen(function* () {
    while (true) {
      const { more, rows } = yield* read(published(), PAGE)
      // This node may have published some of them itself while the read was under way.
      const after = published()
      const fresh = rows.filter(({ number }) => number > after)
      if (fresh.length > 0) publish(fresh)
      if (!more) return
    }
  })
  // After a failure, the next wake-up reads again.
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(signal), Effect.ignore(catchUp))))
  return () => {
    Queue.offerUnsafe(signal, undefined)
  }
})
