/**
 * Retry: how a turn is begun again that crashes of the process have cut off. Most crashes are not the turn's fault, so it
 * begins at once; a turn that was there at each of several may be the cause, so it must not take others with it.
 */

/** Crashes after which a turn begins again at once and beside others. */
const AT_ONCE = 3

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

export interface Retry {
  /** No other run should be in progress, so that a crash names its cause and cuts nothing else off. */
  readonly alone: boolean
  /** Counted from the start of the process: others get this time before the next crash. */
  readonly pauseMs: number
}

/** `attempts`: the crashes after which it does not begin again, but fails. */
export const retryAfter = (crashes: number, attempts: number): Retry =>
  crashes <= AT_ONCE || crashes >= attempts
    ? { alone: false, pauseMs: 0 }
    : { alone: true, pauseMs: Math.min(FIRST_PAUSE_MS * 2 ** (crashes - AT_ONCE - 1), LONGEST_PAUSE_MS) }
