/**
 * Removes all messages of a session in small steps. Sessions and ChatCommands use it.
 */
import * as Effect from "effect/Effect"
import type { Transcript } from "./Transcript.ts"

/** The messages removed in one step. The event loop waits for one step at a time. */
const STEP = 500

/**
 * Removes the messages of the session and returns their number. Call it in the same transaction before `transcript.clear`
 * or `transcript.remove`. Other writers wait for the whole transaction.
 */
export const removeMessages = Effect.fnUntraced(function* ({ messages }: Transcript["Service"], key: string) {
  let removed = 0
  while (true) {
    const step = messages.removeOldest(key, STEP)
    removed += step
    if (step < STEP) return removed
    yield* Effect.yieldNow
  }
})
