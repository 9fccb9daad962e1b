/**
 * StateFolder: the folder of the database, the token, the gateway key and the lock file. One process at a time may use
 * it. Database, GatewayKey, Memory and the authentication read its paths; commands use `statePaths`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import { toStartupError } from "./FileErrors.ts"
import { makeFolderPrivate, makePrivate } from "./FilePermissions.ts"
import { acquire, createIfMissing } from "./StateLock.ts"

/** Absolute paths of the state folder and its files. */
export interface StatePaths {
  readonly folder: string
  /** The configuration file that counts if the user names none. */
  readonly configFile: string
  readonly databaseFile: string
  readonly tokenFile: string
  readonly identityFile: string
  readonly lockFile: string
  /** The default of `memoryDir`. */
  readonly memoryDir: string
  /** The folder of the files that belong to messages. */
  readonly attachmentsDir: string
}

/** Returns the absolute path. `~` is the home folder of the user who runs the program. */
export const resolvePath = (path: string): string => Path.resolve(path.replace(/^~(?=$|[/\\])/, () => Os.homedir()))

/** Returns the paths without touching the files, so that clients can use it. */
export const statePaths = (stateDir: string): StatePaths => {
  const folder = resolvePath(stateDir)
  return {
    folder,
    configFile: Path.join(folder, "config.yaml"),
    databaseFile: Path.join(folder, "causeway.db"),
    tokenFile: Path.join(folder, "token"),
    identityFile: Path.join(folder, "identity.pem"),
    lockFile: Path.join(folder, "lock"),
    memoryDir: Path.join(folder, "memory"),
    attachmentsDir: Path.join(folder, "attachments"),
  }
}

/** Returns the files with conversations and secrets. Some of them may not exist. */
export const privateFiles = ({
  databaseFile,
  identityFile,
  lockFile,
  tokenFile,
}: StatePaths): ReadonlyArray<string> => [
  databaseFile,
  `${databaseFile}-wal`,
  `${databaseFile}-shm`,
  tokenFile,
  identityFile,
  lockFile,
]

export class StateFolder extends Context.Service<
  StateFolder,
  StatePaths & {
    /** Fails as soon as this gateway has lost the folder: it was moved or replaced, or another gateway has taken it. */
    readonly lost: Effect.Effect<never, StartupError>
  }
>()("causeway/services/storage/StateFolder") {
  /**
   * Creates and locks the folder `stateDir` until the scope closes or the process ends, even by a crash. Fails with
   * `StartupError` if another process holds the lock or the folder cannot be used.
   */
  static readonly layer: Layer.Layer<StateFolder, StartupError, GatewayConfig> = Layer.effect(
    StateFolder,
    Effect.gen(function* () {
      const { databaseUrl, stateDir } = yield* GatewayConfig
      const paths = statePaths(stateDir)
      yield* makeFolder(paths)
      const lost = yield* acquire(paths)
      yield* prepare(paths, databaseUrl !== undefined)
      return StateFolder.of({ ...paths, lost })
    }),
  )

  /** A temporary folder that the scope removes, for a gateway that leaves nothing behind. */
  static readonly layerTemporary: Layer.Layer<StateFolder> = Layer.effect(
    StateFolder,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-"))),
        (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true })),
      ),
      (folder) => {
        const paths = statePaths(folder)
        return StateFolder.of({ ...paths, lost: Effect.never })
      },
    ),
  )
}

const attempt = <A>(folder: string, run: () => A): Effect.Effect<A, StartupError> =>
  Effect.try({ try: run, catch: (error) => toStartupError(error, `the state folder ${folder}`) })

const makeFolder = ({ folder }: StatePaths) =>
  attempt(folder, () => {
    if (!isFolder(folder)) makeWithParents(folder)
  })

const isFolder = (path: string): boolean => Fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** Does not use the `recursive` option of mkdir, which never returns below /proc and automounts. */
const makeWithParents = (folder: string) => {
  const parent = Path.dirname(folder)
  if (!Fs.existsSync(parent)) makeWithParents(parent)
  Fs.mkdirSync(folder, { mode: 0o700 })
}

/**
 * Makes each file private. An existing folder keeps its mode, because other programs may use it. The files that SQLite adds
 * to a database take over its mode. `isElsewhere`: the folder needs no database.
 */
const prepare = (paths: StatePaths, isElsewhere: boolean) =>
  attempt(paths.folder, () => {
    if (!isElsewhere) createIfMissing(paths.databaseFile)
    for (const file of privateFiles(paths)) makePrivate(file, 0o600)
    makeFolderPrivate(paths.memoryDir)
  })
