/**
 * ConfigFile: finds, reads and writes the configuration file: the one that `--config` or GATEWAY_CONFIG names, else
 * `config.yaml` in the state folder, if there is one. LoadConfig.ts and the setup use it.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import { codeOf } from "../../domain/SystemError.ts"
import * as AtomicFile from "../../services/storage/AtomicFile.ts"
import { isWritableByOthers, ownerOf } from "../../services/storage/FilePermissions.ts"
import { resolvePath, statePaths } from "../../services/storage/StateFolder.ts"
import { CommandFailed, ExitCode, usageError } from "../terminal/ExitCode.ts"
import { configOptions } from "./ConfigOptions.ts"
import type { Environment } from "./Environment.ts"

export interface ConfigPlace {
  /** The path as the user gave it. */
  readonly name: string
  /** Whether the user names the file. It must exist then. */
  readonly isNamed: boolean
}

export interface ConfigFile {
  readonly name: string
  readonly text: string
  /** The parsed text. */
  readonly content: unknown
}

const DEFAULT_STATE_DIR = String(configOptions.find(({ path }) => path.join() === "stateDir")?.default)

/** Returns the place of the configuration file. An empty variable counts as not set. */
export const placeOf = (
  flags: Readonly<Record<string, string | undefined>>,
  environment: Environment,
): ConfigPlace | undefined => {
  const named = flags["config"] ?? (environment["GATEWAY_CONFIG"] || undefined)
  if (named !== undefined) return { name: named, isNamed: true }
  try {
    const stateDir = flags["state-dir"] ?? (environment["GATEWAY_STATE_DIR"] || DEFAULT_STATE_DIR)
    return { name: statePaths(stateDir).configFile, isNamed: false }
  } catch {
    // An unknown user id has no home folder, so it has no file either.
    return undefined
  }
}

const attempt = <A>(run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: codeOf })

/** A user without access to the state folder has no configuration there. */
const isAbsent = (path: string) =>
  Effect.match(
    attempt(() => Fs.stat(path)),
    { onSuccess: () => false, onFailure: (code) => ["ENOENT", "ENOTDIR", "EACCES"].includes(code) },
  )

/** Returns whether there is a file at the place. */
export const exists = ({ name }: ConfigPlace): Effect.Effect<boolean> =>
  Effect.map(isAbsent(resolvePath(name)), (absent) => !absent)

/** Returns the content of the file, or `undefined` if the user names none and the state folder has none. */
export const read = Effect.fn("ConfigFile.read")(function* (place: ConfigPlace | undefined) {
  if (place === undefined) return undefined
  const { isNamed, name } = place
  const path = resolvePath(name)
  if (!isNamed) {
    if (yield* isAbsent(path)) return undefined
    yield* requireOwn(path)
  }
  const text = yield* Effect.mapError(
    attempt(() => Fs.readFile(path, "utf8")),
    (code) =>
      usageError(
        `${name} cannot be read (${code})`,
        isNamed ? "correct the path in --config or GATEWAY_CONFIG" : "give it to the user of the gateway",
      ),
  )
  return yield* parsed(name, text)
})

/** Loads the YAML parser only if there is a file, because many gateways start without one. */
export const parsed = Effect.fnUntraced(function* (name: string, text: string) {
  const { parse } = yield* Effect.promise(() => import("yaml"))
  const content = yield* Effect.try({
    try: (): unknown => parse(text),
    catch: (error) =>
      usageError(
        `${name} is not YAML (${error instanceof Error ? firstLine(error.message) : "unreadable"})`,
        "correct the file",
      ),
  })
  return { name, text, content } satisfies ConfigFile
})

const firstLine = (text: string) => text.split("\n", 1)[0]?.replace(/:$/, "") ?? ""

/** The file may name programs to run, so another user must not be its author. The user has not named it. */
const requireOwn = Effect.fnUntraced(function* (path: string) {
  const owners = [undefined, 0, process.getuid?.(), ownerOf(Path.dirname(path))]
  if (!owners.includes(ownerOf(path))) {
    return yield* usageError(`${path} belongs to another user`, "give it to the user of the gateway (chown)")
  }
  if (isWritableByOthers(path)) return yield* usageError(`other users may write ${path}`, `chmod go-w ${path}`)
})

/** Writes the file, readable for its owner only if it is new or holds a secret. Returns its path. Follows links. */
export const write = Effect.fn("ConfigFile.write")(function* (
  { name }: ConfigPlace,
  text: string,
  holdsSecret: boolean,
) {
  const path = resolvePath(name)
  yield* Effect.mapError(
    Effect.gen(function* () {
      yield* attempt(() => Fs.mkdir(Path.dirname(path), { recursive: true, mode: 0o700 }))
      const target = yield* Effect.orElseSucceed(
        attempt(() => Fs.realpath(path)),
        () => path,
      )
      const mode = yield* Effect.orElseSucceed(
        attempt(async () => (await Fs.stat(target)).mode & 0o777),
        () => 0o600,
      )
      yield* Effect.mapError(AtomicFile.writeFile(target, text, { mode: holdsSecret ? 0o600 : mode }), codeOf)
    }),
    (code) =>
      new CommandFailed({
        problem: `cannot write ${name} (${code})`,
        remedy: "make it writable for you, or name another file with --config",
        exitCode: ExitCode.failed,
      }),
  )
  return path
})
