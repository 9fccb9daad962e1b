/**
 * WriteLock: waits for the database's write lock while another process holds it. It tries again after short pauses, so
 * that the event loop goes on, and gives up after a limit. Sqlite and Migrations use it at the start, SqliteStorage
 * for commits and health. Reads take no lock.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { StorageUnavailable } from "../../../domain/Storage.ts"

/** An attempt on a held lock takes some microseconds, so even the shortest pause is mostly idle. */
const MIN_PAUSE_MS = 1
const MAX_PAUSE_MS = 25

/** Attempts further apart than this belong to two separate waits. */
const EPISODE_GAP_MS = 1_000

/** Waits are logged from this length on. Checkpoints and the transactions of a shell are shorter. */
const LOGGED_MS = 1_000

/** Between two warnings. */
const LOG_INTERVAL_MS = 60_000

/** Health reports a problem from this length on. */
const PROBLEM_MS = 500

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

export interface WriteLock {
  /** How many milliseconds a write waits before it fails. */
  readonly limitMs: number
  /** Records that an attempt found the lock held. Returns the pause before the next attempt, in milliseconds. */
  readonly onHeld: (now: number) => number
  /** Records that an attempt acquired the lock. */
  readonly onAcquired: () => void
  /** Returns the error of a write that has waited for the limit. */
  readonly timeoutError: () => StorageUnavailable
  /** Returns the problem if writes wait at the time `now`, or `null`. */
  readonly problem: (now: number) => string | null
  /** Repeats the attempt while it finds the lock held. After the limit, fails as the last attempt did. */
  retry<A, E, R>(attempt: Effect.Effect<A, E, R>, isHeld: (error: E) => boolean): Effect.Effect<A, E, R>
}

export const makeWriteLock = Effect.fnUntraced(function* (filename: string, limitMs: number) {
  const clock = yield* Clock.Clock
  const runFork = Effect.runForkWith(yield* Effect.context())
  let since: number | undefined
  let lastHeldAt = 0
  let lastLoggedAt = Number.NEGATIVE_INFINITY
  let isLogged = false

  const foundHeld = (now: number): number => {
    if (since === undefined || now - lastHeldAt > EPISODE_GAP_MS) {
      since = now
      isLogged = false
    }
    lastHeldAt = now
    const heldMs = now - since
    if (!isLogged && heldMs >= LOGGED_MS && now - lastLoggedAt >= LOG_INTERVAL_MS) {
      isLogged = true
      lastLoggedAt = now
      runFork(
        Effect.logWarning(
          `writes wait because another process holds the write lock of ${filename}: each fails after ${seconds(limitMs)}. ` +
            `Reads go on. End that process: "fuser ${filename}" finds it`,
        ),
      )
    }
    return Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, heldMs / 4))
  }

  const taken = (): void => {
    if (since === undefined) return
    if (isLogged) {
      const heldMs = clock.currentTimeMillisUnsafe() - since
      runFork(Effect.logInfo(`writes go on: another process held the write lock of ${filename} for ${seconds(heldMs)}`))
    }
    since = undefined
    isLogged = false
  }

  const retry = <A, E, R>(attempt: Effect.Effect<A, E, R>, isHeld: (error: E) => boolean): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      let deadline: number | undefined
      const wait = (error: E): Effect.Effect<A, E, R> => {
        if (!isHeld(error)) return Effect.fail(error)
        const now = clock.currentTimeMillisUnsafe()
        const pause = foundHeld(now)
        deadline ??= now + limitMs
        return now >= deadline ? Effect.fail(error) : Effect.andThen(Effect.sleep(pause), next)
      }
      const next: Effect.Effect<A, E, R> = Effect.catch(attempt, wait)
      return next
    })

  const lock: WriteLock = {
    limitMs,
    onHeld: foundHeld,
    onAcquired: taken,
    timeoutError: () =>
      new StorageUnavailable({ detail: `another program has kept the database locked for ${seconds(limitMs)}` }),
    problem: (now) =>
      since !== undefined && now - lastHeldAt <= EPISODE_GAP_MS && now - since >= PROBLEM_MS
        ? `another program keeps the database locked: writes have waited for ${seconds(now - since)}`
        : null,
    retry,
  }
  return lock
})
