/**
 * ClockCheck: compares the machine's clock with the newest event. StartupChecks, System and `causeway doctor` use it.
 * Positions order the events, but the clock dates them: with a clock behind the newest event, times run backwards.
 */
/** Time servers correct clocks by less than this. */
const TOLERATED_MS = 2_000

/** Returns the problem if the clock is behind the newest event by more than `toleratedMs`, or else `null`. */
export const clockProblem = (newestEventAt: number, now: number, toleratedMs = TOLERATED_MS): string | null =>
  now + toleratedMs >= newestEventAt
    ? null
    : `the clock is ${Math.ceil((newestEventAt - now) / 1_000)} s behind the newest event; times will be out of order`
