/**
 * FilePermissions: reads which files other users of the machine may open, and makes files private. The state folder uses
 * it at every start, and `causeway doctor` reports open files.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

const OTHERS = 0o077
const OTHERS_WRITE = 0o022
const STICKY = 0o1000

/** Returns `undefined` if the file is missing, and on Windows, which has no modes. */
const statsOf = (path: string): Fs.Stats | undefined =>
  process.platform === "win32" ? undefined : Fs.statSync(path, { throwIfNoEntry: false })

/** Returns the id of the user who owns the file, or `undefined` as `statsOf` does. */
export const ownerOf = (path: string): number | undefined => statsOf(path)?.uid

/** Returns whether the mode lets other users read, write or enter. */
export const isOpenToOthers = (path: string): boolean => ((statsOf(path)?.mode ?? 0) & OTHERS) !== 0

/** Returns whether the mode lets other users replace the files in the folder. */
export const isWritableByOthers = (folder: string): boolean => {
  const mode = statsOf(folder)?.mode ?? 0
  return (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0
}

/** Closes the file or folder to other users if it exists. Uses its path, because opening the file would end locks on it. */
export const makePrivate = (path: string, mode: 0o600 | 0o700): void => {
  if (isOpenToOthers(path)) Fs.chmodSync(path, mode)
}

/**
 * Closes the folder and its files to other users if it exists. Skips a link to a folder elsewhere, which may be shared on
 * purpose, and files of other users, which the folder's mode protects.
 */
export const makeFolderPrivate = (folder: string): void => {
  if (Fs.lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return
  makePrivate(folder, 0o700)
  for (const entry of Fs.readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    try {
      makePrivate(Path.join(folder, entry.name), 0o600)
    } catch {
      // The file belongs to another user, or is gone.
    }
  }
}
