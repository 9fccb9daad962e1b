import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { StateFolder, statePaths } from "../../../src/services/storage/StateFolder.ts"
import { isHeld } from "../../../src/services/storage/StateLock.ts"

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-state-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true })),
)

/** What holds the folder does, within the folder. */
const within = <A, E, R>(stateDir: string, use: Effect.Effect<A, E, R | StateFolder>) =>
  Effect.provide(use, Layer.fresh(StateFolder.layer).pipe(Layer.provide(GatewayConfig.layer({ stateDir }))))

const start = (stateDir: string) => within(stateDir, StateFolder)

const modeOf = (path: string) => Fs.statSync(path).mode & 0o777

const kill = (child: ChildProcess) =>
  Effect.promise(() => {
    const gone = once(child, "exit")
    child.kill("SIGKILL")
    return gone
  })

/** Another process that holds the folder. */
const holder = (stateDir: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const program = Path.join(import.meta.dirname, "../../support/HoldFolder.ts")
      const child = spawn(process.execPath, [program, stateDir], { stdio: ["ignore", "pipe", "inherit"] })
      const [said] = await once(child.stdout, "data")
      return { child, said: String(said).trim() }
    }),
    ({ child }) => (child.exitCode === null && child.signalCode === null ? kill(child) : Effect.void),
  )

/** Root may write everywhere, so it steps back for a moment; anybody else stays who they are. */
const asNobody = Effect.acquireRelease(
  Effect.sync(() => {
    const isRoot = process.getuid?.() === 0
    if (isRoot) process.seteuid?.(65_534)
    return isRoot
  }),
  (wasRoot) => Effect.sync(() => void (wasRoot && process.seteuid?.(0))),
)

describe("the state folder", () => {
  it.live("is made for its user alone, with everything above it", () =>
    Effect.gen(function* () {
      const folder = Path.join(yield* temporaryFolder, "deep", "state")
      const paths = yield* start(folder)
      expect(paths.databaseFile).toBe(Path.join(folder, "causeway.db"))
      expect(paths.memoryDir).toBe(Path.join(folder, "memory"))
      expect(modeOf(folder)).toBe(0o700)
      expect(modeOf(paths.databaseFile)).toBe(0o600)
    }).pipe(Effect.scoped),
  )

  it("means the user's home by ~", () => {
    expect(statePaths("~/.causeway").folder).toBe(Path.join(Os.homedir(), ".causeway"))
    expect(statePaths("~").folder).toBe(Os.homedir())
    expect(statePaths("/srv/~x").folder).toBe("/srv/~x")
  })

  it.live("is refused to a second process, and free again when the first is killed", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const first = yield* holder(folder)
      expect(first.said).toBe("held")
      const second = yield* holder(folder)
      expect(second.said).toContain(`another gateway uses the state folder ${folder}`)
      const error = yield* Effect.flip(start(folder))
      expect(error._tag).toBe("StartupError")
      expect(error.problem).toBe(`another gateway uses the state folder ${folder}`)
      yield* kill(first.child)
      expect((yield* start(folder)).folder).toBe(folder)
    }).pipe(Effect.scoped),
  )

  it.live("is refused to a second gateway in the same process, which does not open it to others", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const [error, other] = yield* within(folder, Effect.all([Effect.flip(start(folder)), holder(folder)]))
      expect(error.problem).toContain(folder)
      expect(other.said).toContain(folder)
    }).pipe(Effect.scoped),
  )

  it.live("closes to others at every start the files that are open to them", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { databaseFile, identityFile, lockFile, memoryDir, tokenFile } = statePaths(folder)
      const files = [databaseFile, `${databaseFile}-wal`, `${databaseFile}-shm`, identityFile, lockFile, tokenFile]
      Fs.mkdirSync(memoryDir)
      const documents = [Path.join(memoryDir, "a.md"), Path.join(memoryDir, "b.md")]
      for (const file of [...files, ...documents]) Fs.writeFileSync(file, "", { mode: 0o644 })
      Fs.symlinkSync("/nowhere", Path.join(memoryDir, "broken.md"))
      Fs.chmodSync(memoryDir, 0o755)
      yield* start(folder)
      expect(modeOf(memoryDir)).toBe(0o700)
      for (const file of [...files, ...documents]) expect([file, modeOf(file)]).toEqual([file, 0o600])
    }).pipe(Effect.scoped),
  )

  it.live("leaves a folder of documents alone that is a link to one elsewhere", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const elsewhere = yield* temporaryFolder
      Fs.chmodSync(elsewhere, 0o755)
      Fs.symlinkSync(elsewhere, statePaths(folder).memoryDir)
      yield* start(folder)
      expect(modeOf(elsewhere)).toBe(0o755)
    }).pipe(Effect.scoped),
  )

  it.live("that is a file, or lies below one, is a clear problem", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* temporaryFolder, "file")
      Fs.writeFileSync(file, "")
      const isFile = yield* Effect.flip(start(file))
      expect(isFile.message).toBe(`the state folder ${file} is not a folder: move the file away, or choose another`)
      const below = yield* Effect.flip(start(Path.join(file, "state")))
      expect(below.problem).toContain("has a file in its path")
    }).pipe(Effect.scoped),
  )

  it.live("that may not be written is a clear problem", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      Fs.chmodSync(folder, 0o500)
      yield* asNobody
      expect((yield* Effect.flip(start(folder))).problem).toContain("may not be accessed by this user")
    }).pipe(Effect.scoped),
  )
})

describe("a lock file that is removed or renamed under a gateway", () => {
  it.live.each(["removed", "renamed"])(
    "is made again where it is %s, and a gateway that starts meanwhile is refused",
    (how) =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const { databaseFile, lockFile } = statePaths(folder)
        const first = yield* holder(folder)
        expect(first.said).toBe("held")
        if (how === "removed") Fs.rmSync(lockFile)
        else Fs.renameSync(lockFile, `${lockFile}.old`)
        expect(Fs.existsSync(databaseFile)).toBe(true)
        const error = yield* Effect.flip(start(folder))
        expect(error.problem).toBe(`another gateway uses the state folder ${folder}`)
        expect(isHeld(lockFile)).toBe(true)
        expect(modeOf(lockFile)).toBe(0o600)
      }).pipe(Effect.scoped),
  )

  it.live("does not keep a gateway from starting where none runs, as after a backup", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      Fs.writeFileSync(statePaths(folder).databaseFile, "")
      expect((yield* start(folder)).folder).toBe(folder)
    }).pipe(Effect.scoped),
  )
})

describe("a state folder that is lost under a gateway", () => {
  const problemAfter = (change: (folder: string) => void) =>
    Effect.gen(function* () {
      const folder = Path.join(yield* temporaryFolder, "state")
      const problem = within(
        folder,
        Effect.gen(function* () {
          const { lost } = yield* StateFolder
          yield* Effect.sleep("50 millis")
          change(folder)
          return (yield* Effect.flip(lost)).problem.replace(folder, "FOLDER")
        }),
      )
      return yield* problem
    }).pipe(Effect.scoped)

  it.live("by a rename is reported", () =>
    Effect.gen(function* () {
      const problem = yield* problemAfter((folder) => Fs.renameSync(folder, `${folder}.away`))
      expect(problem).toBe("the database of FOLDER was moved, removed or replaced")
    }),
  )

  it.live("by another in its place is reported, and nothing is made in that one", () =>
    Effect.gen(function* () {
      let made: ReadonlyArray<string> = []
      const problem = yield* problemAfter((folder) => {
        Fs.renameSync(folder, `${folder}.away`)
        Fs.mkdirSync(folder)
        setTimeout(() => (made = Fs.readdirSync(folder)), 1_500)
      })
      expect(problem).toBe("the database of FOLDER was moved, removed or replaced")
      expect(made).toEqual([])
    }),
  )

  it.live("to another process that has its lock is reported", () =>
    Effect.gen(function* () {
      let other: DatabaseSync | undefined
      const problem = yield* problemAfter((folder) => {
        const { lockFile } = statePaths(folder)
        Fs.rmSync(lockFile)
        other = new DatabaseSync(lockFile)
        other.exec("BEGIN EXCLUSIVE")
      })
      other?.close()
      expect(problem).toBe("another gateway has taken the state folder FOLDER")
    }),
  )
})
