/**
 * Digests: lists that are told again as a whole after events that change them, gathered: what is asked while one round
 * is under way, or in the pause after it, is told once, in the next. It knows no frame and nobody who is told.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Fault } from "../dialect/Fault.ts"
import { type Inquiry, run } from "../dialect/Query.ts"

/** Runs an inquiry's calls. */
export type Call = (method: string, params: unknown) => Effect.Effect<unknown, Fault>

export interface SnapshotRefresh<G> {
  /** Asks for the list under the key to be told to the group; replaces what was asked under it and is not told yet. */
  readonly add: (group: G, key: string, inquiry: Inquiry<string>) => void
}

export const make = Effect.fnUntraced(function* <G>(
  call: Call,
  pauseMs: number,
  tell: (group: G, key: string, text: string) => void,
): Effect.fn.Return<SnapshotRefresh<G>, never, Scope.Scope> {
  let asked = new Map<G, Map<string, Inquiry<string>>>()
  const wake = yield* Queue.sliding<void>(1)

  const round = Effect.suspend(() => {
    const now = asked
    asked = new Map()
    return Effect.forEach(now, ([group, inquiries]) =>
      Effect.forEach(inquiries, ([key, inquiry]) =>
        run(inquiry, call).pipe(
          Effect.map((text) => tell(group, key, text)),
          // What cannot be told now is told after the next change.
          Effect.ignore,
          Effect.catchDefect((bug) => Effect.logError(`the list ${key} was not told`, bug)),
        ),
      ),
    )
  })
  yield* Effect.forkScoped(
    Effect.forever(Queue.take(wake).pipe(Effect.andThen(round), Effect.andThen(Effect.sleep(pauseMs)))),
  )

  return {
    add: (group, key, inquiry) => {
      const inquiries = asked.get(group) ?? new Map<string, Inquiry<string>>()
      asked.set(group, inquiries.set(key, inquiry))
      Queue.offerUnsafe(wake, undefined)
    },
  }
})
