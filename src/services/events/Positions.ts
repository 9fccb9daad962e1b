/**
 * Positions: the places of events on the wire. A kept event with the number n has the position n * 1,000,000. The live
 * events after it take the positions behind it, so all positions of a process ascend and are unique. After a restart or on
 * another node, only the number has a meaning. The modules in this folder use it.
 */
import type { Positioned } from "../../domain/Event.ts"
import type { KeptRow } from "../storage/Storage.ts"

/** More live events than come between two kept ones. 9 billion kept events fit into a safe integer. */
const STEP = 1_000_000

/** Returns the position of the kept event with the number. */
export const positionOf = (number: number): number => number * STEP

/** Returns a row of the log as the event that subscribers receive. */
export const toPositioned = ({ at, event, number }: KeptRow): Positioned => ({
  _tag: "Event",
  seq: positionOf(number),
  at,
  event,
})

/** Returns the number of the newest kept event at the position. */
export const numberAt = (position: number): number => Math.floor(position / STEP)

/** Returns the position of a live event after `head`. In the improbable case that none is left, it is `head` itself. */
export const nextLive = (head: number): number => ((head + 1) % STEP === 0 ? head : head + 1)
