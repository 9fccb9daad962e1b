import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { statePaths } from "../../../src/services/storage/StateFolder.ts"
import { kill, modeOf, start, startElsewhere, temporaryFolder, within } from "../../support/StateFolders.ts"

/** Root may write everywhere, so the process acts as another user until the scope closes. */
const asNobody = Effect.acquireRelease(
  Effect.sync(() => {
    const isRoot = process.getuid?.() === 0
    if (isRoot) process.seteuid?.(65_534)
    return isRoot
  }),
  (wasRoot) => Effect.sync(() => void (wasRoot && process.seteuid?.(0))),
)

describe("StateFolder", () => {
  it.live("The start creates the folder and its parents for its user alone.", () =>
    Effect.gen(function* () {
      const folder = Path.join(yield* temporaryFolder, "deep", "state")
      const paths = yield* start(folder)
      expect(paths.databaseFile).toBe(Path.join(folder, "causeway.db"))
      expect(paths.memoryDir).toBe(Path.join(folder, "memory"))
      expect(modeOf(folder)).toBe(0o700)
      expect(modeOf(paths.databaseFile)).toBe(0o600)
    }).pipe(Effect.scoped),
  )

  it("A tilde means the home folder of the user.", () => {
    expect(statePaths("~/.causeway").folder).toBe(Path.join(Os.homedir(), ".causeway"))
    expect(statePaths("~").folder).toBe(Os.homedir())
    expect(statePaths("/srv/~x").folder).toBe("/srv/~x")
  })

  it.live("A second process cannot start in the folder until the first one is killed.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const first = yield* startElsewhere(folder)
      expect(first.output).toBe("held")
      const second = yield* startElsewhere(folder)
      expect(second.output).toContain(`another gateway uses the state folder ${folder}`)
      const error = yield* Effect.flip(start(folder))
      expect(error._tag).toBe("StartupError")
      expect(error.problem).toBe(`another gateway uses the state folder ${folder}`)
      yield* kill(first.child)
      expect((yield* start(folder)).folder).toBe(folder)
    }).pipe(Effect.scoped),
  )

  it.live("A second gateway in the same process cannot start, and its attempt releases no lock.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const [error, other] = yield* within(folder, Effect.all([Effect.flip(start(folder)), startElsewhere(folder)]))
      expect(error.problem).toContain(folder)
      expect(other.output).toContain(folder)
    }).pipe(Effect.scoped),
  )

  it.live("Every start closes the files to other users.", () =>
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

  it.live("The start does not change the mode of a linked memory folder.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const elsewhere = yield* temporaryFolder
      Fs.chmodSync(elsewhere, 0o755)
      Fs.symlinkSync(elsewhere, statePaths(folder).memoryDir)
      yield* start(folder)
      expect(modeOf(elsewhere)).toBe(0o755)
    }).pipe(Effect.scoped),
  )

  it.live("A path that is a file or lies below one stops the start with the reason.", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* temporaryFolder, "file")
      Fs.writeFileSync(file, "")
      const isFile = yield* Effect.flip(start(file))
      expect(isFile.message).toBe(`the state folder ${file} is not a folder: move the file away, or choose another`)
      const below = yield* Effect.flip(start(Path.join(file, "state")))
      expect(below.problem).toContain("has a file in its path")
    }).pipe(Effect.scoped),
  )

  it.live("A folder without the right to write stops the start with the reason.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      Fs.chmodSync(folder, 0o500)
      yield* asNobody
      expect((yield* Effect.flip(start(folder))).problem).toContain("may not be accessed by this user")
    }).pipe(Effect.scoped),
  )
})
