/**
 * WriteLock: waits for the database's write lock while another process holds it. Tries again after short pauses, so the
 * event loop goes on, and gives up after a limit. Sqlite.ts uses it for statements and transactions, EventWriter.ts for
 * commits, System.ts for health. Reads take no lock.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { StorageUnavailable } from "../../domain/Storage.ts"

/** An attempt on a held lock costs some microseconds, so that even the shortest pause is mostly idle. */
const MIN_PAUSE_MS = 1
const MAX_PAUSE_MS = 25

/** Attempts further apart than this belong to two waits. */
const EPISODE_GAP_MS = 1_000

/** A checkpoint or the transaction of a shell is shorter, and not worth a line. */
const WORTH_A_LINE_MS = 1_000

const LINE_INTERVAL_MS = 60_000

/** Health calls a lock that is held this long a problem. */
const PROBLEM_MS = 500

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

export interface WriteLock {
  /** How long a write waits before it fails. */
  readonly limitMs: number
  /** Notes that an attempt found the lock held by another process. Returns the pause before the next attempt. */
  readonly foundHeld: (now: number) => number
  /** Notes that an attempt got the lock. */
  readonly taken: () => void
  /** The failure of a write that has waited for the limit. */
  readonly gaveUp: () => StorageUnavailable
  /** Returns what keeps writes waiting now, or null. */
  readonly problem: (now: number) => string | null
  /** Runs the attempt until it does not find the lock held, or fails as the last one did after the limit. */
  retry<A, E, R>(attempt: Effect.Effect<A, E, R>, isHeld: (error: E) => boolean): Effect.Effect<A, E, R>
}

export const makeWriteLock = Effect.fnUntraced(function* (filename: string, limitMs: number) {
  const clock = yield* Clock.Clock
  const runFork = Effect.runForkWith(yield* Effect.context())
  let since: number | undefined
  let lastFound = 0
  let lastLine = Number.NEGATIVE_INFINITY
  let said = false

  const foundHeld = (now: number): number => {
    if (since === undefined || now - lastFound > EPISODE_GAP_MS) {
      since = now
      said = false
    }
    lastFound = now
    const heldMs = now - since
    if (!said && heldMs >= WORTH_A_LINE_MS && now - lastLine >= LINE_INTERVAL_MS) {
      said = true
      lastLine = now
      runFork(
        Effect.logWarning(
          `writes wait because another process holds the write lock of ${filename}: each fails after ${seconds(limitMs)}. ` +
            `Reads go on. End that process, which "fuser ${filename}" names`,
        ),
      )
    }
    return Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, heldMs / 4))
  }

  const taken = (): void => {
    if (since === undefined) return
    if (said) {
      const heldMs = clock.currentTimeMillisUnsafe() - since
      runFork(Effect.logInfo(`writes go on: another process held the write lock of ${filename} for ${seconds(heldMs)}`))
    }
    since = undefined
    said = false
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
    foundHeld,
    taken,
    gaveUp: () =>
      new StorageUnavailable({ detail: `another program has kept the database locked for ${seconds(limitMs)}` }),
    problem: (now) =>
      since !== undefined && now - lastFound <= EPISODE_GAP_MS && now - since >= PROBLEM_MS
        ? `another program keeps the database locked: writes have waited for ${seconds(now - since)}`
        : null,
    retry,
  }
  return lock
})
