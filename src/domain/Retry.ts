/**
 * Retry: decides how to restart a turn that a crash of the process interrupted. Most crashes are not the turn's fault, so
 * it restarts at once. A turn that was running at several crashes may be their cause, so it then runs alone.
 */

/** Up to this number of crashes, a turn restarts at once and beside others. */
const AT_ONCE = 3

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

export interface Retry {
  /** True: no other run is in progress meanwhile, so that a crash has one suspect and interrupts nothing else. */
  readonly alone: boolean
  /** Milliseconds from the start of the process. Other runs get this time before the next crash. */
  readonly pauseMs: number
}

/** Returns how a turn restarts after its crashes. From `attempts` crashes on it fails instead, without a pause. */
export const retryAfter = (crashes: number, attempts: number): Retry =>
  crashes <= AT_ONCE || crashes >= attempts
    ? { alone: false, pauseMs: 0 }
    : { alone: true, pauseMs: Math.min(FIRST_PAUSE_MS * 2 ** (crashes - AT_ONCE - 1), LONGEST_PAUSE_MS) }
