/**
 * UntilDrained: the wait before an answer is sent. Many calls may end at the same time, and their answers wait for each
 * other. CallsInFlight.ts and RpcSession.ts use it.
 */
import * as Effect from "effect/Effect"
import type { Backpressure } from "./Peer.ts"

/** Returns the wait until the client keeps up, or `undefined` if it does. After a wait, another sender may be faster. */
export const untilDrained = (peer: Pick<Backpressure, "awaitDrain">): Effect.Effect<void> | undefined => {
  const drain = peer.awaitDrain()
  return (
    drain &&
    Effect.andThen(
      drain,
      Effect.suspend(() => untilDrained(peer) ?? Effect.void),
    )
  )
}
