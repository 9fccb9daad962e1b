/**
 * The state folder: where the gateway keeps what survives it, held by one process at a time. It knows the names of the
 * files in it, not what they hold.
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
import { takeBack, takeBackFolder } from "./FilePermissions.ts"
import { create, hold } from "./StateLock.ts"

export interface StatePaths {
  readonly folder: string
  readonly databaseFile: string
  readonly tokenFile: string
  readonly identityFile: string
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
    identityFile: Path.join(folder, "identity.pem"),
    lockFile: Path.join(folder, "lock"),
    memoryDir: Path.join(folder, "memory"),
  }
}

/** The files that hold conversations and secrets, whether they are there or not. */
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
    /** Fails when the folder is no longer this gateway's: it was moved or replaced, or another gateway has it. */
    readonly lost: Effect.Effect<never, StartupError>
  }
>()("causeway/services/storage/StateFolder") {
  /** Holds the folder until its scope closes, or the process ends, however it ends. */
  static readonly layer: Layer.Layer<StateFolder, StartupError, GatewayConfig> = Layer.effect(
    StateFolder,
    Effect.gen(function* () {
      const paths = statePaths((yield* GatewayConfig).stateDir)
      yield* makeFolder(paths)
      const lost = yield* hold(paths)
      yield* prepare(paths)
      return StateFolder.of({ ...paths, lost })
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

/** Not by mkdir's own `recursive`: where the system itself has what is above it (/proc, automounts) that never ends. */
const makeWithParents = (folder: string) => {
  const above = Path.dirname(folder)
  if (!Fs.existsSync(above)) makeWithParents(above)
  Fs.mkdirSync(folder, { mode: 0o700 })
}

/**
 * A folder that is there already keeps its mode: it may be one that others use, too. So the files are closed to
 * others one by one, and those that SQLite adds to a database take over its mode.
 */
const prepare = (paths: StatePaths) =>
  attempt(paths.folder, () => {
    create(paths.databaseFile)
    for (const file of privateFiles(paths)) takeBack(file, 0o600)
    takeBackFolder(paths.memoryDir)
  })
