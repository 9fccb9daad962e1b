/**
 * DoctorChecks: the checks of `causeway doctor`. Each returns a fact, or a problem with its remedy. They read the state
 * folder, look at the database and try the port, and change nothing.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import { createServer } from "node:net"
import * as Path from "node:path"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import * as Migrations from "../../services/storage/sqlite/Migrations.ts"
import { isOpenToOthers, isWritableByOthers, ownerOf } from "../../services/storage/FilePermissions.ts"
import { weaknesses } from "../../services/auth/SecretStrength.ts"
import { privateFiles, type StatePaths, statePaths } from "../../services/storage/StateFolder.ts"
import { inspectFile } from "../../services/storage/sqlite/FileInspection.ts"
import { isHeld } from "../../services/storage/StateLock.ts"
import { clearTextSecrets } from "../../services/system/ClearTextSecrets.ts"
import { clockProblem } from "../../services/system/ClockCheck.ts"
import { isTooOld, OLDEST_NODE } from "./NodeVersion.ts"
import { localUrl } from "../client/LocalUrl.ts"

export type Check =
  | { readonly name: string; readonly fact: string }
  | { readonly name: string; readonly problem: string; readonly remedy: string }

type Finding = { readonly fact: string } | { readonly problem: string; readonly remedy: string }

const fact = (fact: string): Finding => ({ fact })

const problem = (problem: string, remedy: string): Finding => ({ problem, remedy })

export const runChecks = Effect.fn("DoctorChecks.runChecks")(function* (settings: GatewaySettings) {
  const paths = statePaths(settings.stateDir)
  const running = isHeld(paths.lockFile)
  const now = yield* Clock.currentTimeMillis
  const found: Findings = [
    ["node", node(process.versions.node)],
    ["configuration", configuration(settings)],
    ["state folder", folder(paths)],
    ["secrecy", secrecy(paths)],
    ["disk", disk(paths)],
    ...(settings.databaseUrl === undefined
      ? databaseFile(paths, now)
      : yield* databaseServer(settings.databaseUrl, now)),
    ["port", yield* port(settings, running)],
  ]
  return found.map(([name, finding]): Check => Object.assign({ name }, finding))
})

const node = (version: string): Finding =>
  isTooOld(version) ? problem(`Node ${version} is too old`, `install Node ${OLDEST_NODE} or newer`) : fact(version)

const configuration = (settings: GatewaySettings): Finding => {
  const { auth, host, port } = settings
  const weak = weaknesses(host, settings)
  const fatal = weak.find(({ isFatal }) => isFatal)
  if (fatal !== undefined) return problem(fatal.problem, fatal.remedy)
  const warnings = [...weak, ...clearTextSecrets(settings)].map(({ problem }) => problem)
  return fact([`listens on ${host}:${port}, auth ${auth}`, ...warnings].join("; "))
}

/** Returns the path, or its nearest parent that exists. */
const existing = (path: string): string => (Fs.existsSync(path) ? path : existing(Path.dirname(path)))

const folder = ({ folder }: StatePaths): Finding => {
  const place = existing(folder)
  if (!Fs.statSync(place).isDirectory()) {
    return problem(`${place} is not a folder`, "move the file away, or choose another folder with --state-dir")
  }
  try {
    Fs.accessSync(place, Fs.constants.R_OK | Fs.constants.W_OK | Fs.constants.X_OK)
  } catch {
    return problem(`this user may not write ${place}`, "change its owner, or choose another folder with --state-dir")
  }
  return fact(place === folder ? folder : `${folder}; the first start makes it`)
}

/** Checks that other users cannot read the files, which hold conversations and secrets. */
const secrecy = (paths: StatePaths): Finding => {
  const { folder, tokenFile } = paths
  if (!isRealFolder(Fs.realpathSync(existing(folder)))) return fact("no files yet")
  const documents = isRealFolder(paths.memoryDir) ? [paths.memoryDir, ...filesIn(paths.memoryDir)] : []
  const files = [...privateFiles(paths), ...documents]
  const foreign = files.filter((file) => ![undefined, 0, ownerOf(folder)].includes(ownerOf(file)))
  if (foreign.length > 0)
    return problem(
      `${some(foreign)} ${foreign.length === 1 ? "belongs" : "belong"} to another user`,
      `give them the owner of ${folder} (chown)`,
    )
  if (isWritableByOthers(folder)) {
    return problem(`other users may write ${folder} and replace its files`, `chmod go-w ${folder}`)
  }
  const open = files.filter(isOpenToOthers)
  if (open.length === 0) return fact("only the owner may read the files")
  const rotate = open.includes(tokenFile) ? "; then `causeway token rotate`" : ""
  return problem(
    `other users may read ${some(open)}`,
    `chmod go-rwx ${open.length > 3 ? `-R ${folder}` : open.join(" ")}${rotate}`,
  )
}

/** Returns whether the path is a folder and no link, because a link may lead to a folder that is shared on purpose. */
const isRealFolder = (path: string): boolean => Fs.lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true

const filesIn = (folder: string): ReadonlyArray<string> =>
  Fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [Path.join(folder, entry.name)] : [],
  )

/** Lists up to three paths and counts the others. */
const some = (paths: ReadonlyArray<string>): string =>
  paths.length > 3 ? `${paths.slice(0, 3).join(", ")} and ${paths.length - 3} more` : paths.join(" and ")

/** With less, a busy gateway fills the disk within days. */
const MIN_FREE_MB = 200

const disk = ({ folder }: StatePaths): Finding => {
  const { bavail, bsize } = Fs.statfsSync(existing(folder))
  const freeMb = Math.floor((bavail * bsize) / 1_000_000)
  return freeMb >= MIN_FREE_MB
    ? fact(`${freeMb} MB free`)
    : problem(`only ${freeMb} MB are free on the disk of the state folder`, "free some space, or move the state folder")
}

type Findings = ReadonlyArray<readonly [name: string, finding: Finding]>

const databaseServer = (url: Redacted.Redacted, now: number): Effect.Effect<Findings> =>
  Effect.gen(function* () {
    const { inspectDatabase } = yield* Effect.promise(
      () => import("../../services/storage/postgres/PostgresInspection.ts"),
    )
    const { bytes, name, newestEventAt, schema, version } = yield* inspectDatabase(url)
    const place = `schema ${schema} of ${name}`
    const findings: Findings = [
      ["database", fact(version === 0 ? `${place}; the first start makes it` : `${place}, ${megabytes(bytes)} MB`)],
      ["clock", clock(newestEventAt, now)],
    ]
    return findings
  }).pipe(
    Effect.catchTag("StartupError", (error) =>
      Effect.succeed<Findings>([["database", problem(error.problem, error.remedy)]]),
    ),
  )

const megabytes = (bytes: number): number => Math.ceil(bytes / 1_000_000)

const databaseFile = ({ databaseFile }: StatePaths, now: number): Findings => {
  if (!Fs.existsSync(databaseFile)) return [["database", fact("none yet; the first start makes it")]]
  const { damage, newestEventAt, tooNew } = inspectFile(databaseFile)
  if (damage !== null) return [["database", damaged(databaseFile, damage)]]
  if (tooNew !== null) return [["database", problem(tooNew, Migrations.REMEDY_NEWER)]]
  return [
    ["database", fact(`intact, ${megabytes(Fs.statSync(databaseFile).size)} MB`)],
    ["clock", clock(newestEventAt, now)],
  ]
}

const damaged = (file: string, verdict: string): Finding =>
  problem(`${file} is damaged (${verdict})`, "restore a backup, or move the file away to start with an empty database")

const clock = (newestEventAt: number, now: number): Finding => {
  const setBack = clockProblem(newestEventAt, now)
  return setBack === null ? fact("not behind the newest event") : problem(setBack, "set the clock of this machine")
}

const port = Effect.fnUntraced(function* (settings: GatewaySettings, running: boolean) {
  const { host, port } = settings
  if (yield* answers(localUrl(settings))) return fact(`a gateway answers at ${host}:${port}`)
  if (running && port !== 0) {
    return problem(
      `a gateway uses the state folder, but none answers at ${host}:${port}`,
      "set the port that it was started with, or restart it",
    )
  }
  const code = yield* listenError(host, port)
  if (code === undefined) return fact(`${host}:${port} is free`)
  return code === "EADDRINUSE"
    ? problem(`another program uses port ${port}`, "stop it, or choose another port with --port or GATEWAY_PORT")
    : problem(`cannot listen on ${host}:${port} (${code})`, "use an address of this machine and a port above 1023")
})

/** Returns whether the server at the URL reports its health as a gateway does. */
const answers = (url: string) =>
  Effect.tryPromise(async (signal) => {
    const response = await fetch(`${url}/health`, { signal })
    const body: unknown = await response.json()
    return typeof body === "object" && body !== null && "status" in body && body.status === "live"
  }).pipe(
    Effect.timeout("2 seconds"),
    Effect.orElseSucceed(() => false),
  )

/** Returns the error code of an attempt to listen, or `undefined` if it succeeds. */
const listenError = (host: string, port: number) =>
  Effect.callback<string | undefined>((resume) => {
    const server = createServer()
      .on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code ?? error.message)))
      .listen({ host, port }, () => server.close(() => resume(Effect.undefined)))
  })
