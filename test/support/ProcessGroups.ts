/** Reads which processes are alive. The tests of programs that the gateway starts use it. */
import * as Effect from "effect/Effect"

/** Returns whether a process with this id is alive. `-id`: whether one of its process group is. */
export const isAlive = (id: number): boolean => {
  try {
    return process.kill(id, 0)
  } catch {
    return false
  }
}

/** Waits until the process, or with `-id` the last one of the group, is gone. The kernel tells nobody, so it asks again. */
export const gone = (id: number): Effect.Effect<void> =>
  Effect.suspend(() => (isAlive(id) ? Effect.andThen(Effect.sleep("10 millis"), gone(id)) : Effect.void))
