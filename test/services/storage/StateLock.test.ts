import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { StateFolder, statePaths } from "../../../src/services/storage/StateFolder.ts"
import { isHeld } from "../../../src/services/storage/StateLock.ts"
import { modeOf, start, startElsewhere, temporaryFolder, within } from "../../support/StateFolders.ts"

describe("StateLock: a missing lock file", () => {
  it.live.each(["removed", "renamed"])(
    "The holder recreates a lock file that was %s, and a second gateway cannot start meanwhile.",
    (how) =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const { databaseFile, lockFile } = statePaths(folder)
        const first = yield* startElsewhere(folder)
        expect(first.output).toBe("held")
        if (how === "removed") Fs.rmSync(lockFile)
        else Fs.renameSync(lockFile, `${lockFile}.old`)
        expect(Fs.existsSync(databaseFile)).toBe(true)
        const error = yield* Effect.flip(start(folder))
        expect(error.problem).toBe(`another gateway uses the state folder ${folder}`)
        expect(isHeld(lockFile)).toBe(true)
        expect(modeOf(lockFile)).toBe(0o600)
      }).pipe(Effect.scoped),
  )

  it.live("A gateway starts in a folder with a database but no lock file, such as a backup.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      Fs.writeFileSync(statePaths(folder).databaseFile, "")
      expect((yield* start(folder)).folder).toBe(folder)
    }).pipe(Effect.scoped),
  )
})

describe("StateLock: a lost folder", () => {
  /** Returns the problem that the holder reports after the change, and the files in the folder at that time. */
  const problemAfter = Effect.fnUntraced(function* (change: (folder: string) => void) {
    const folder = Path.join(yield* temporaryFolder, "state")
    return yield* within(
      folder,
      Effect.gen(function* () {
        const { lost } = yield* StateFolder
        const problem = yield* Effect.forkChild(Effect.flip(lost))
        yield* TestClock.adjust("1 second")
        change(folder)
        yield* TestClock.adjust("2 seconds")
        const files = Fs.existsSync(folder) ? Fs.readdirSync(folder) : []
        return { problem: (yield* Fiber.join(problem)).problem.replace(folder, "FOLDER"), files }
      }),
    )
  }, Effect.scoped)

  it.effect("The holder reports a renamed folder.", () =>
    Effect.gen(function* () {
      const { problem } = yield* problemAfter((folder) => Fs.renameSync(folder, `${folder}.away`))
      expect(problem).toBe("the database of FOLDER was moved, removed or replaced")
    }),
  )

  it.effect("The holder reports a replaced folder and creates nothing in the new one.", () =>
    Effect.gen(function* () {
      const { files, problem } = yield* problemAfter((folder) => {
        Fs.renameSync(folder, `${folder}.away`)
        Fs.mkdirSync(folder)
      })
      expect(problem).toBe("the database of FOLDER was moved, removed or replaced")
      expect(files).toEqual([])
    }),
  )

  it.effect("The holder reports that another process has taken the lock.", () =>
    Effect.gen(function* () {
      let other: DatabaseSync | undefined
      const { problem } = yield* problemAfter((folder) => {
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
