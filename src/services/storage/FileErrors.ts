/**
 * FileErrors: turns file errors of the operating system into startup errors with a next step. The state folder, the token
 * file and the gateway key use it.
 */
import * as Predicate from "effect/Predicate"
import { StartupError } from "../../domain/StartupError.ts"

const startupProblems: Partial<Record<string, readonly [problem: string, remedy: string]>> = {
  EACCES: ["may not be accessed by this user", "change its owner or its mode, or choose another"],
  EPERM: ["may not be accessed by this user", "change its owner or its mode, or choose another"],
  EROFS: ["is on a read-only file system", "mount it writable, or choose another"],
  ENOSPC: ["cannot be written because the disk is full", "free disk space, or choose another"],
  EEXIST: ["is not a folder", "move the file away, or choose another"],
  ENOTDIR: ["has a file in its path where a folder should be", "move the file away, or choose another"],
  EISDIR: ["is a folder", "move the folder away, or choose another"],
}

/** Returns the startup error for a file or folder. `name`: for example "the state folder /srv/causeway". */
export const toStartupError = (error: unknown, name: string): StartupError => {
  const code = Predicate.hasProperty(error, "code") ? String(error.code) : ""
  const [problem, remedy] = startupProblems[code] ?? [
    `cannot be used (${error instanceof Error ? error.message : String(error)})`,
    "check the path and the disk, or choose another",
  ]
  return new StartupError({ problem: `${name} ${problem}`, remedy })
}
