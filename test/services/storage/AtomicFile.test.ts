import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { writeFile } from "../../../src/services/storage/AtomicFile.ts"
import { modeOf, temporaryFolder } from "../../support/StateFolders.ts"

const read = (file: string) => Fs.readFileSync(file, "utf8")

describe("AtomicFile", () => {
  it.live("A new file is private, and a file with another mode ignores the umask.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = Path.join(folder, "secret")
      yield* writeFile(file, "one")
      expect([read(file), modeOf(file)]).toEqual(["one", 0o600])
      yield* writeFile(file, "two", { mode: 0o666 })
      expect([read(file), modeOf(file)]).toEqual(["two", 0o666])
      expect(Fs.readdirSync(folder)).toEqual(["secret"])
    }).pipe(Effect.scoped),
  )

  it.live("A reader that has opened the old file still reads the old content.", () =>
    Effect.gen(function* () {
      const file = Path.join(yield* temporaryFolder, "document")
      yield* writeFile(file, "old")
      const opened = Fs.openSync(file, "r")
      yield* writeFile(file, "new content")
      expect(Fs.readFileSync(opened, "utf8")).toBe("old")
      Fs.closeSync(opened)
      expect(read(file)).toBe("new content")
    }).pipe(Effect.scoped),
  )

  it.live("With `create`, an existing file fails with EEXIST and keeps its content.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = Path.join(folder, "document")
      yield* writeFile(file, "first", { create: true })
      const error = yield* Effect.flip(writeFile(file, "second", { create: true }))
      expect(error.code).toBe("EEXIST")
      expect(read(file)).toBe("first")
      expect(Fs.readdirSync(folder)).toEqual(["document"])
    }).pipe(Effect.scoped),
  )

  it.live("A failed write leaves no draft and the old file.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const taken = Path.join(folder, "taken")
      Fs.mkdirSync(taken)
      expect((yield* Effect.flip(writeFile(taken, "content"))).code).toBe("EISDIR")
      expect((yield* Effect.flip(writeFile(Path.join(folder, "none", "file"), "content"))).code).toBe("ENOENT")
      expect(Fs.readdirSync(folder)).toEqual(["taken"])
    }).pipe(Effect.scoped),
  )

  it.live("Of concurrent writes, one is in the file as a whole.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = Path.join(folder, "document")
      const contents = ["a", "b", "c", "d"].map((letter) => letter.repeat(100_000))
      yield* Effect.forEach(contents, (content) => writeFile(file, content), { concurrency: "unbounded" })
      expect(contents).toContain(read(file))
      expect(Fs.readdirSync(folder)).toEqual(["document"])
    }).pipe(Effect.scoped),
  )
})
