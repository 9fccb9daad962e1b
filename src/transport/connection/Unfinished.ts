/**
 * Unfinished: the rest of some work that has to wait. Most frames need no wait: plain code handles them at once, without a
 * fiber. Connections, the kernel and the wires handle frames and send replies this way.
 */
import * as Effect from "effect/Effect"
import type { Closer } from "./Peer.ts"

/** Finishes the work. `undefined` if it is done. */
export type Unfinished = Effect.Effect<void> | undefined

/** Returns an effect in any case. */
export const finish = (unfinished: Unfinished): Effect.Effect<void> => unfinished ?? Effect.void

/** Handles the values one after another, until the connection closes. */
export const inOrder = <A>(
  peer: Pick<Closer, "isClosing">,
  values: ReadonlyArray<A>,
  handle: (value: A) => Unfinished,
): Unfinished => {
  for (let i = 0; i < values.length && !peer.isClosing; i++) {
    const unfinished = handle(values[i]!)
    if (unfinished === undefined) continue
    const others = Effect.suspend(() => finish(inOrder(peer, values.slice(i + 1), handle)))
    return i + 1 < values.length ? Effect.andThen(unfinished, others) : unfinished
  }
  return undefined
}
