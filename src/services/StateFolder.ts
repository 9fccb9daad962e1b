/**
 * The state folder: where the gateway keeps what survives it, held by one process at a time. It knows the names of the
 * files in it, not what they hold.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { GatewayConfig } from "../domain/GatewayConfig.ts"
import { StartupError } from "../domain/StartupError.ts"
import { toStartupError } from "./FileError.ts"
import { isBusy } from "./SqliteError.ts"
import { keepToken } from "./TokenFile.ts"

export interface StatePaths {
  readonly folder: string
  readonly databaseFile: string
  readonly tokenFile: string
  readonly lockFile: string
  /** The default of `memoryDir`. */
  readonly memoryDir: string
}

/** A path as a person writes it; `~` is the home of the user who runs the program. */
export const resolvePath = (path: string): string => Path.resolve(path.replace(/^~(?=$|[/\\])/, () => Os.homedir()))

/** Touches nothing: for clients, too. */
export const statePaths = (stateDir: string): StatePaths => {
  const folder = resolvePath(stateDir)
  return {
    folder,
    databaseFile: Path.join(folder, "causeway.db"),
    tokenFile: Path.join(folder, "token"),
    lockFile: Path.join(folder, "lock"),
    memoryDir: Path.join(folder, "memory"),
  }
}

export class StateFolder extends Context.Service<
  StateFolder,
  StatePaths & {
    /** The token kept here; made at the first use. */
    readonly token: Effect.Effect<Redacted.Redacted<string>, StartupError>
  }
>()("causeway/services/StateFolder") {
  /** Holds the folder until its scope closes, or the process ends, however it ends. */
  static readonly layer: Layer.Layer<StateFolder, StartupError, GatewayConfig> = Layer.effect(
    StateFolder,
    Effect.gen(function* () {
      const paths = statePaths((yield* GatewayConfig).stateDir)
      yield* prepare(paths)
      yield* hold(paths)
      return StateFolder.of({ ...paths, token: keepToken(paths.tokenFile) })
    }),
  )

  /** A folder of its own that is gone with the scope: for a gateway that is to leave nothing behind. */
  static readonly layerTemporary: Layer.Layer<StateFolder> = Layer.effect(
    StateFolder,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-"))),
        (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true })),
      ),
      (folder) => {
        const paths = statePaths(folder)
        return StateFolder.of({ ...paths, token: keepToken(paths.tokenFile) })
      },
    ),
  )
}

/**
 * A folder that is there already keeps its mode: it may be one that others use, too. So the files are closed to
 * others one by one, and those that SQLite adds to a database take over its mode.
 */
const prepare = ({ databaseFile, folder, lockFile }: StatePaths) =>
  Effect.try({
    try: () => {
      if (!isFolder(folder)) makeFolder(folder)
      for (const file of [databaseFile, lockFile]) create(file)
    },
    catch: (error) => toStartupError(error, `the state folder ${folder}`),
  })

/** Not by mkdir's own `recursive`: where the system itself has what is above it (/proc, automounts) that never ends. */
const makeFolder = (folder: string) => {
  const above = Path.dirname(folder)
  if (!Fs.existsSync(above)) makeFolder(above)
  Fs.mkdirSync(folder, { mode: 0o700 })
}

const isFolder = (path: string): boolean => Fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** Never opens a file that is there: closing it again would let go of every lock that this process has on it. */
const create = (file: string) => {
  if (!Fs.existsSync(file)) Fs.closeSync(Fs.openSync(file, "a", 0o600))
}

/**
 * A transaction held open on a database of nothing: SQLite's file lock goes with the process, so a crash leaves no
 * stale lock and nobody needs to guess whether a process id still means the same program.
 */
const hold = ({ folder, lockFile }: StatePaths) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      let lock: DatabaseSync | undefined
      try {
        lock = new DatabaseSync(lockFile)
        lock.exec("BEGIN EXCLUSIVE")
        return Effect.succeed(lock)
      } catch (error) {
        lock?.close()
        return Effect.fail(isBusy(error) ? taken(folder) : toStartupError(error, `the lock file ${lockFile}`))
      }
    }),
    (lock) => Effect.sync(() => lock.close()),
  )

const taken = (folder: string) =>
  new StartupError({
    problem: `another gateway uses the state folder ${folder}`,
    remedy: "stop it, or give this one another state folder",
  })
