/**
 * The lock of a state folder: a transaction held open on a database of nothing. SQLite's file lock goes with the process,
 * so a crash leaves no stale lock and nobody needs to guess whether a process id still means the same program.
 *
 * A lock is on a file, not on its name: a lock file that somebody removes or renames excludes nobody. So the holder looks
 * at the name, makes the file again where it is gone, and tells when it has lost the folder; and a start that finds a
 * database without a lock file gives a holder the time to do so.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { StartupError } from "../../domain/StartupError.ts"
import { toStartupError } from "./FileErrors.ts"
import { isBusy } from "./SqliteError.ts"

export interface LockedPaths {
  readonly folder: string
  readonly databaseFile: string
  readonly lockFile: string
}

/** How often the holder looks at the name. */
const LOOK_MS = 1_000

/** What a start waits where the lock file is missing: two looks of a holder and some time for a busy machine. */
const HOLDER_GRACE_MS = 2_500

/** Never opens a file that is there: closing it again would let go of every lock that this process has on it. */
export const create = (file: string): void => {
  if (!Fs.existsSync(file)) Fs.closeSync(Fs.openSync(file, "a", 0o600))
}

/** Which file it is, whatever its name. Returns `undefined` if there is none, and throws if that cannot be told. */
const identify = (file: string): string | undefined => {
  const found = Fs.statSync(file, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}

interface Held {
  readonly lock: DatabaseSync
  readonly id: string | undefined
}

const take = (lockFile: string): Held => {
  create(lockFile)
  const lock = new DatabaseSync(lockFile)
  try {
    lock.exec("BEGIN EXCLUSIVE")
    return { lock, id: identify(lockFile) }
  } catch (error) {
    lock.close()
    throw error
  }
}

/** Whether a process holds the folder. */
export const isHeld = (lockFile: string): boolean => {
  if (!Fs.existsSync(lockFile)) return false
  let lock: DatabaseSync | undefined
  try {
    lock = new DatabaseSync(lockFile)
    lock.exec("BEGIN IMMEDIATE; ROLLBACK")
    return false
  } catch (error) {
    return isBusy(error)
  } finally {
    lock?.close()
  }
}

/**
 * Holds the folder until the scope closes. Returns an effect that fails when the folder is no longer this process's: it
 * was moved or removed, or another process has taken it.
 */
export const hold = Effect.fnUntraced(function* (paths: LockedPaths) {
  const { databaseFile, folder, lockFile } = paths
  if (!Fs.existsSync(lockFile) && Fs.existsSync(databaseFile)) {
    yield* Effect.logDebug(`${folder} has a database and no lock file: waiting for a gateway that may still run`)
    yield* Effect.sleep(HOLDER_GRACE_MS)
  }
  let held: Held = yield* Effect.acquireRelease(
    Effect.try({
      try: () => take(lockFile),
      catch: (error) => (isBusy(error) ? taken(folder) : toStartupError(error, `the lock file ${lockFile}`)),
    }),
    () => Effect.sync(() => held.lock.close()),
  )

  let databaseId: string | undefined
  let missing = 0

  /** Returns the problem if the folder is lost. */
  const look = (): string | undefined => {
    const database = identify(databaseFile)
    databaseId ??= database
    if (database !== databaseId) {
      // A folder that is moved away and back again within a look is still the same.
      return ++missing < 2 ? undefined : `the database of ${folder} was moved, removed or replaced`
    }
    missing = 0
    if (identify(lockFile) === held.id) return undefined
    try {
      const again = take(lockFile)
      held.lock.close()
      held = again
      return undefined
    } catch (error) {
      if (isBusy(error)) return `another gateway has taken the state folder ${folder}`
      throw error
    }
  }

  const lost = yield* Deferred.make<never, StartupError>()
  const looks = Effect.suspend(() => {
    const before = held.id
    const problem = look()
    if (problem !== undefined) return Effect.fail(new StartupError({ problem, remedy: REMEDY }))
    return held.id === before
      ? Effect.void
      : Effect.logWarning(`the lock file ${lockFile} was moved or removed: this gateway has made it again`)
  }).pipe(
    // A disk that cannot be read for a moment says nothing about the folder, and storage reports it.
    Effect.catchDefect(() => Effect.void),
  )
  yield* Effect.repeat(looks, Schedule.spaced(LOOK_MS)).pipe(
    Effect.catch((error) => Effect.andThen(Effect.logError(error.message), Deferred.fail(lost, error))),
    Effect.forkScoped,
  )
  return Deferred.await(lost)
})

const REMEDY = "stop what changes the folder of a gateway that runs, see which copy is right, and start it again"

const taken = (folder: string) =>
  new StartupError({
    problem: `another gateway uses the state folder ${folder}`,
    remedy: "stop it, or give this one another state folder",
  })
