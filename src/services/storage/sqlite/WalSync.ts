/**
 * WalSync: brings the write-ahead log to the disk on a thread of Node's pool. SQLite itself would do so within COMMIT, on the
 * main thread, where a busy disk stalls every socket. SqliteStorage uses it.
 *
 * A commit with `synchronous=NORMAL` is in the log, and on the disk after the next sync of the log. A checkpoint syncs the
 * log before it moves pages (https://sqlite.org/pragma.html#pragma_synchronous).
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import { StartupError } from "../../../domain/StartupError.ts"
import { StorageUnavailable } from "../../../domain/Storage.ts"
import { flushFolder } from "../AtomicFile.ts"

export interface WalSync {
  /** Returns when all commits so far are on the disk. Call it once at a time. */
  readonly sync: Effect.Effect<void, StorageUnavailable>
  /** Waits for the running sync, so that a read shows nothing that a power cut may take back. */
  readonly settled: Effect.Effect<void, StorageUnavailable>
  /**
   * Fails when a sync has failed. The gateway has to end: the system may have dropped the data, and a second sync would not
   * tell. The next start reads what is on the disk.
   */
  readonly failed: Effect.Effect<never, StartupError>
}

/** Calls back when the content of the open file is on the disk. */
type SyncFile = (fd: number, done: (error: Error | null) => void) => void

/** `filename`: the database. Its log exists once the database has been read or written. */
export const make = Effect.fnUntraced(function* (
  filename: string,
  syncFile: SyncFile = Fs.fdatasync,
): Effect.fn.Return<WalSync, unknown, Scope.Scope> {
  const file = `${filename}-wal`
  // Windows syncs only files that are open for writing.
  const fd = yield* Effect.acquireRelease(
    Effect.try({ try: () => Fs.openSync(file, "r+"), catch: (error) => error }),
    (fd) => Effect.sync(() => Fs.closeSync(fd)),
  )
  // Else a power cut could leave a new log without a name.
  yield* flushFolder(dirname(file))
  const failure = Deferred.makeUnsafe<never, StartupError>()
  let newest: Deferred.Deferred<void, StorageUnavailable> = Deferred.makeUnsafe()
  Deferred.doneUnsafe(newest, Exit.void)

  const fail = (message: string): StorageUnavailable => {
    const problem = `the file ${file} cannot be brought to the disk (${message})`
    const remedy = "check the disk, and start the gateway again"
    Deferred.doneUnsafe(failure, Effect.fail(new StartupError({ problem, remedy })))
    return new StorageUnavailable({ detail: message })
  }

  const sync = Effect.suspend(() => {
    if (Deferred.isDoneUnsafe(failure)) return Deferred.await(newest)
    const running = Deferred.makeUnsafe<void, StorageUnavailable>()
    newest = running
    syncFile(fd, (error) => {
      Deferred.doneUnsafe(running, error === null ? Exit.void : Exit.fail(fail(error.message)))
    })
    return Deferred.await(running)
  })

  return { sync, settled: Effect.suspend(() => Deferred.await(newest)), failed: Deferred.await(failure) }
})
