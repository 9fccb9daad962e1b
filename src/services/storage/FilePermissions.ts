/**
 * Which files other users of the machine may open, by their mode and owner, and how they are closed.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

const OTHERS = 0o077
const OTHERS_WRITE = 0o022
const STICKY = 0o1000

/** Undefined where there is no such file, and on Windows, which has no modes. */
const stateOf = (path: string): Fs.Stats | undefined =>
  process.platform === "win32" ? undefined : Fs.statSync(path, { throwIfNoEntry: false })

export const ownerOf = (path: string): number | undefined => stateOf(path)?.uid

/** Whether the mode lets other users in. */
export const isOpen = (path: string): boolean => ((stateOf(path)?.mode ?? 0) & OTHERS) !== 0

/** Whether the mode lets other users put other files in the place of those in the folder. */
export const isWritable = (folder: string): boolean => {
  const mode = stateOf(folder)?.mode ?? 0
  return (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0
}

/** Closes a file or folder to others if it is there and open to them. By its name: opening it would end locks on it. */
export const takeBack = (path: string, mode: 0o600 | 0o700): void => {
  if (isOpen(path)) Fs.chmodSync(path, mode)
}

/**
 * Closes a folder and the files in it, if it is there. A link to a folder elsewhere is left alone: that one may be shared
 * on purpose. So is a file of another user, which the folder's mode closes.
 */
export const takeBackFolder = (folder: string): void => {
  if (Fs.lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return
  takeBack(folder, 0o700)
  for (const entry of Fs.readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    try {
      takeBack(Path.join(folder, entry.name), 0o600)
    } catch {
      // Of another user, or gone since the folder was read.
    }
  }
}
