/** Backoff: the pauses between two attempts to connect. Connection.ts uses it. */

const STEPS_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000] as const

/** The longest pause by default, also if a gateway requests a longer one. */
export const LONGEST_MS = 30_000

/**
 * Returns the pause in milliseconds before the attempt after `failures` failures in a row: 1, 2, 4, 8, 16, then 30 s, of
 * which up to a half is left out at random. The jitter keeps the clients of a restarted gateway apart. `atLeastMs`: the
 * pause that the gateway requests.
 *
 * @param random from 0 to 1
 */
export const pauseMs = (failures: number, random: number, atLeastMs = 0, longestMs = LONGEST_MS): number => {
  const step = STEPS_MS[Math.min(Math.max(1, failures), STEPS_MS.length) - 1] ?? LONGEST_MS
  return Math.round(Math.min(longestMs, Math.max(atLeastMs, step * (1 - random / 2))))
}
