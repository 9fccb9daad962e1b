/**
 * CompileCache: turns on Node's compile cache, which halves the time to start. The cache holds code that this user runs,
 * so no other user may write its folder. Node's default folder is in the shared temporary folder under a name that any
 * user can take first. Without a safe folder, there is no cache. NODE_COMPILE_CACHE and NODE_DISABLE_COMPILE_CACHE still
 * work. main.ts turns it on, and Serve.ts writes it.
 */
import * as Fs from "node:fs"
import * as Module from "node:module"
import * as Os from "node:os"
import * as Path from "node:path"
import type { Environment } from "../config/Environment.ts"

const OTHERS = 0o077
const OTHERS_WRITE = 0o022
const STICKY = 0o1000

/** The XDG Base Directory Specification ignores relative paths. */
const cacheHome = (environment: Environment): string => {
  const { LOCALAPPDATA: local, XDG_CACHE_HOME: xdg } = environment
  if (xdg !== undefined && Path.isAbsolute(xdg)) return xdg
  if (process.platform === "win32" && local !== undefined) return local
  return Path.join(Os.homedir(), process.platform === "darwin" ? "Library/Caches" : ".cache")
}

/** Returns whether only `user` and root can replace a folder inside `folder`. */
const isSafeAbove = (folder: string, user: number): boolean => {
  const { mode, uid } = Fs.lstatSync(folder)
  if (uid !== user && uid !== 0) return false
  if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0) return false
  const above = Path.dirname(folder)
  return above === folder || isSafeAbove(above, user)
}

/** Makes one folder, but no missing parents: a cache must not create a home folder. */
const make = (folder: string): void => {
  if (!Fs.existsSync(folder)) Fs.mkdirSync(folder, { mode: 0o700 })
}

/** Returns the folder of the cache and makes it if it is missing. Returns `undefined` if another user could write it. */
export const ownFolder = (environment: Environment, user: number | undefined): string | undefined => {
  try {
    const home = cacheHome(environment)
    make(home)
    const folder = Path.join(Fs.realpathSync(home), "causeway")
    make(folder)
    // Windows has no modes. Inherited permissions protect the folders of a user there.
    if (user === undefined) return folder
    const found = Fs.lstatSync(folder)
    const isOwn = found.isDirectory() && found.uid === user && (found.mode & OTHERS) === 0
    return isOwn && isSafeAbove(Path.dirname(folder), user) ? folder : undefined
  } catch {
    // Without a home, or on a read-only disk, the program starts without a cache.
    return undefined
  }
}

export const enable = (environment: Environment): void => {
  if (Module.getCompileCacheDir() !== undefined) return
  const folder = ownFolder(environment, process.geteuid?.())
  if (folder !== undefined) Module.enableCompileCache(folder)
}

/** Writes the cache. Node itself writes it at the exit, which a killed process does not reach. */
export const write = (): void => Module.flushCompileCache()
