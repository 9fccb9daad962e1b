/**
 * SnapshotRefresh: sends whole lists again after events that change them. Requests that arrive during a round or in the
 * pause after it are served once, in the next round. The event encoder adds to it; the fan-out sends its results.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { Contract, type Query } from "../dialect/Query.ts"

export interface SnapshotRefresh<G> {
  /** Sends the list to the group in the next round. It replaces a request under the same key that still waits. */
  readonly add: (group: G, key: string, query: Query<string>) => void
}

export const make = Effect.fnUntraced(function* <G>(
  contract: Contract["Service"],
  pauseMs: number,
  publish: (group: G, key: string, text: string) => void,
): Effect.fn.Return<SnapshotRefresh<G>, never, Scope.Scope> {
  let waiting = new Map<G, Map<string, Query<string>>>()
  const wake = yield* Queue.sliding<void>(1)

  const round = Effect.suspend(() => {
    const now = waiting
    waiting = new Map()
    return Effect.forEach(now, ([group, queries]) =>
      Effect.forEach(queries, ([key, query]) =>
        Effect.provideService(query, Contract, contract).pipe(
          Effect.map((text) => publish(group, key, text)),
          // A list that cannot be made now is made after the next change.
          Effect.ignore,
          Effect.catchDefect((bug) => Effect.logError(`refreshing the list ${key} failed`, bug)),
        ),
      ),
    )
  })
  yield* Effect.forkScoped(
    Effect.forever(Queue.take(wake).pipe(Effect.andThen(round), Effect.andThen(Effect.sleep(pauseMs)))),
  )

  return {
    add: (group, key, query) => {
      const queries = waiting.get(group) ?? new Map<string, Query<string>>()
      waiting.set(group, queries.set(key, query))
      Queue.offerUnsafe(wake, undefined)
    },
  }
})
