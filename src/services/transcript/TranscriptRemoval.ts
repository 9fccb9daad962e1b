/**
 * Emptying: removing what was said in a session, however much that is. Sessions and ChatCommands use it.
 */
import * as Effect from "effect/Effect"
import type { Transcript } from "./Transcript.ts"

/** Messages that go in one step: what the event loop may wait for. */
const STEP = 500

/**
 * Returns how many messages went. For use in one transaction, before `transcript.clear` or `remove`: other writers wait
 * for it; the event loop waits for a step of it.
 */
export const removeMessages = Effect.fnUntraced(function* ({ messages }: Transcript["Service"], key: string) {
  let removed = 0
  while (true) {
    const step = messages.removeSome(key, STEP)
    removed += step
    if (step < STEP) return removed
    yield* Effect.yieldNow
  }
})
