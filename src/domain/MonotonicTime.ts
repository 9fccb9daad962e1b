/**
 * MonotonicTime: the time for durations, because somebody may set the clock of the machine. Connections, clients and the
 * event log measure silence and pauses with it.
 */
import type * as Clock from "effect/Clock"

/** Returns the milliseconds since an arbitrary start. */
export const monotonicMs = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
