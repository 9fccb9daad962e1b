/**
 * Waits: the sessions whose agents wait for a reply of another session. An agent that waits for one which waits for it
 * would wait until its time is up. SendTool uses it.
 */
import * as Effect from "effect/Effect"

export class Waits {
  readonly #target = new Map<string, string>()

  /** Returns whether `key` waits for `other`, directly or through further sessions. */
  isWaitingFor(key: string, other: string): boolean {
    const seen = new Set<string>()
    for (let at: string | undefined = key; at !== undefined && !seen.has(at); at = this.#target.get(at)) {
      if (at === other) return true
      seen.add(at)
    }
    return false
  }

  /** Runs the Effect while `key` counts as waiting for `target`. */
  during<A, E, R>(key: string, target: string, wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.acquireUseRelease(
      Effect.sync(() => this.#target.set(key, target)),
      () => wait,
      () => Effect.sync(() => this.#target.delete(key)),
    )
  }
}
