/**
 * SqliteError: converts SQLite's result codes into `StorageUnavailable` and startup errors. The modules of this folder and
 * StateLock use it. https://sqlite.org/rescode.html
 */
import * as Predicate from "effect/Predicate"
import { StartupError } from "../../../domain/StartupError.ts"
import { StorageUnavailable } from "../../../domain/Storage.ts"

const PERM = 3
const BUSY = 5
const LOCKED = 6
const NOMEM = 7
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const PROTOCOL = 15
const NOTADB = 26

/** Codes for problems of the disk or the file, not of the statement. */
const storageCodes = new Set([PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB])

/** Returns the primary result code of an error of node:sqlite. */
const primaryCode = (error: unknown): number | undefined =>
  Predicate.hasProperty(error, "errcode") && typeof error.errcode === "number" ? error.errcode & 0xff : undefined

const detailOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Returns `undefined` if the error is not about the disk or the file: then the statement has a bug. */
export const toStorageUnavailable = (error: unknown): StorageUnavailable | undefined => {
  const code = primaryCode(error)
  return code !== undefined && storageCodes.has(code) ? new StorageUnavailable({ detail: detailOf(error) }) : undefined
}

/** Returns whether another process holds the lock that the statement needs. */
export const isBusy = (error: unknown): boolean => primaryCode(error) === BUSY

const startupProblems: Partial<Record<number, readonly [problem: string, remedy: string]>> = {
  [BUSY]: ["is in use by another program", "stop that program, or use another state folder"],
  [READONLY]: ["cannot be written", "give this user the right to write it, or use another state folder"],
  [CORRUPT]: ["is damaged", "restore a backup, or move the file away to start with an empty one"],
  [FULL]: ["cannot be written because the disk is full", "free disk space, or use another state folder"],
  [CANTOPEN]: ["cannot be opened", "check that the path is a file that this user may read and write"],
  [NOTADB]: ["is not a database", "move the file away to start with an empty one, or use another state folder"],
}

/** Returns the startup error for a database that cannot be used. */
export const toStartupError = (error: unknown, filename: string): StartupError => {
  const [problem, remedy] = startupProblems[primaryCode(error) ?? 0] ?? [
    `cannot be used (${detailOf(error)})`,
    "check the disk and the file, restore a backup, or use another state folder",
  ]
  return new StartupError({ problem: `the database ${filename} ${problem}`, remedy })
}
