/**
 * StateLock: locks a state folder by a transaction that stays open on an empty database. SQLite's file lock ends with the
 * process, so a crash leaves no stale lock. StateFolder acquires it, and `causeway doctor` reads it.
 *
 * A lock belongs to a file, not to its name: after somebody removes or renames the lock file, the lock excludes nobody.
 * Therefore the holder checks the name, recreates a missing file, and reports a lost folder. A start that finds a database
 * but no lock file waits long enough for a holder to recreate it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { StartupError } from "../../domain/StartupError.ts"
import { toStartupError } from "./FileErrors.ts"
import { isBusy } from "./sqlite/SqliteError.ts"

export interface LockedPaths {
  readonly folder: string
  readonly databaseFile: string
  readonly lockFile: string
}

/** How often the holder checks the name of the lock file. */
const CHECK_INTERVAL_MS = 1_000

/** How long a start waits if the lock file is missing: two checks of a holder, and some time for a busy machine. */
const HOLDER_GRACE_MS = 2_500

/** Creates the file if it is missing. Never opens an existing file: closing it would release all locks of this process. */
export const createIfMissing = (file: string): void => {
  if (!Fs.existsSync(file)) Fs.closeSync(Fs.openSync(file, "a", 0o600))
}

/** Returns the identity of the file behind the name, or `undefined` without one. Throws if the disk cannot be read. */
const identify = (file: string): string | undefined => {
  const found = Fs.statSync(file, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}

interface HeldLock {
  readonly db: DatabaseSync
  readonly id: string | undefined
}

const lock = (lockFile: string): HeldLock => {
  createIfMissing(lockFile)
  const db = new DatabaseSync(lockFile)
  try {
    db.exec("BEGIN EXCLUSIVE")
    return { db, id: identify(lockFile) }
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * Recreates a missing lock file. Locks a draft before it gets the name, because a start could lock a file that already has
 * it. Locks the file with the name if another process has created one, or if the file system has no hard links.
 */
const recreate = (lockFile: string): HeldLock => {
  const draft = `${lockFile}.new`
  Fs.rmSync(draft, { force: true })
  const held = lock(draft)
  try {
    Fs.linkSync(draft, lockFile)
    return held
  } catch {
    held.db.close()
    return lock(lockFile)
  } finally {
    Fs.rmSync(draft, { force: true })
  }
}

/** Returns whether a process holds the lock of the folder. */
export const isHeld = (lockFile: string): boolean => {
  if (!Fs.existsSync(lockFile)) return false
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(lockFile)
    db.exec("BEGIN IMMEDIATE; ROLLBACK")
    return false
  } catch (error) {
    return isBusy(error)
  } finally {
    db?.close()
  }
}

/**
 * Holds the lock of the folder until the scope closes. Returns an effect that fails as soon as the folder is lost: it was
 * moved or removed, or another process has taken it. Fails with `StartupError` if another process holds the lock.
 */
export const acquire = Effect.fnUntraced(function* (paths: LockedPaths) {
  const { databaseFile, folder, lockFile } = paths
  if (!Fs.existsSync(lockFile) && Fs.existsSync(databaseFile)) {
    yield* Effect.logDebug(
      `${folder} has a database and no lock file: waiting ${HOLDER_GRACE_MS} ms for a gateway that may still run`,
    )
    yield* Effect.sleep(HOLDER_GRACE_MS)
  }
  let held: HeldLock = yield* Effect.acquireRelease(
    Effect.try({
      try: () => lock(lockFile),
      catch: (error) => (isBusy(error) ? usedByAnother(folder) : toStartupError(error, `the lock file ${lockFile}`)),
    }),
    () => Effect.sync(() => held.db.close()),
  )

  let databaseId: string | undefined
  let missing = 0

  /** Recreates a lock file that is missing. Returns the problem if the folder is lost. */
  const check = (): string | undefined => {
    const database = identify(databaseFile)
    databaseId ??= database
    if (database !== databaseId) {
      // Tolerates a folder that is moved away and back between two checks.
      return ++missing < 2 ? undefined : `the database of ${folder} was moved, removed or replaced`
    }
    missing = 0
    if (identify(lockFile) === held.id) return undefined
    try {
      const again = recreate(lockFile)
      held.db.close()
      held = again
      return undefined
    } catch (error) {
      if (isBusy(error)) return `another gateway has taken the state folder ${folder}`
      throw error
    }
  }

  const lost = yield* Deferred.make<never, StartupError>()
  const checks = Effect.suspend(() => {
    const before = held.id
    const problem = check()
    if (problem !== undefined) return Effect.fail(new StartupError({ problem, remedy: REMEDY }))
    return held.id === before
      ? Effect.void
      : Effect.logWarning(`the lock file ${lockFile} was moved or removed: the gateway has recreated it`)
  }).pipe(
    // A disk error says nothing about the folder, and storage reports it.
    Effect.catchDefect(() => Effect.void),
  )
  yield* Effect.repeat(checks, Schedule.spaced(CHECK_INTERVAL_MS)).pipe(
    Effect.catch((error) => Effect.andThen(Effect.logError(error.message), Deferred.fail(lost, error))),
    Effect.forkScoped,
  )
  return Deferred.await(lost)
})

const REMEDY = "stop the program that changes the folder, find the right copy, and start the gateway again"

const usedByAnother = (folder: string) =>
  new StartupError({
    problem: `another gateway uses the state folder ${folder}`,
    remedy: "stop it, or give this one another state folder",
  })
