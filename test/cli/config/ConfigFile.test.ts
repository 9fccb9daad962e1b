import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as ConfigFile from "../../../src/cli/config/ConfigFile.ts"
import { loadConfig } from "../../../src/cli/config/LoadConfig.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"

const modeOf = (path: string) => Fs.statSync(path).mode & 0o777

/** A state folder with a configuration file. */
const folderWith = Effect.fnUntraced(function* (text: string) {
  const folder = yield* temporaryFolder
  const file = join(folder, "config.yaml")
  Fs.writeFileSync(file, text, { mode: 0o644 })
  return { folder, file }
})

describe("The configuration file of the state folder", () => {
  it.effect("It counts for --state-dir and GATEWAY_STATE_DIR, if no other file is named.", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* folderWith("port: 4000\n")
      expect((yield* loadConfig({ "state-dir": folder }, {})).port).toBe(4_000)
      expect((yield* loadConfig({}, { GATEWAY_STATE_DIR: folder })).port).toBe(4_000)
      const other = `${file}.other`
      Fs.writeFileSync(other, "port: 5000\n")
      expect((yield* loadConfig({ "state-dir": folder, config: other }, {})).port).toBe(5_000)
      expect((yield* loadConfig({}, { GATEWAY_STATE_DIR: folder, GATEWAY_CONFIG: other })).port).toBe(5_000)
    }),
  )

  it.effect("A folder without the file, a missing folder and a file as folder are no problem.", () =>
    Effect.gen(function* () {
      const { file } = yield* folderWith("")
      for (const folder of [yield* temporaryFolder, "/nowhere/state", file]) {
        expect((yield* loadConfig({ "state-dir": folder }, {})).port).toBe(18_789)
      }
    }),
  )

  it.effect("A file that other users may write is refused, because it may name programs to run.", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* folderWith("port: 4000\n")
      Fs.chmodSync(file, 0o666)
      const error = yield* Effect.flip(loadConfig({ "state-dir": folder }, {}))
      expect(error.message).toBe(`other users may write ${file}: chmod go-w ${file}`)
      expect(error).toMatchObject({ exitCode: 2 })
    }),
  )
})

describe("ConfigFile.write", () => {
  it.effect("A new file and its folder are for the owner only.", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "new", "config.yaml")
      expect(yield* ConfigFile.write({ name: file, isNamed: false }, "port: 1\n", false)).toBe(file)
      expect(modeOf(file)).toBe(0o600)
      expect(modeOf(join(file, ".."))).toBe(0o700)
    }),
  )

  it.effect("An existing file keeps its mode, unless it gets a secret.", () =>
    Effect.gen(function* () {
      const { file } = yield* folderWith("")
      const place = { name: file, isNamed: false }
      yield* ConfigFile.write(place, "port: 1\n", false)
      expect(modeOf(file)).toBe(0o644)
      yield* ConfigFile.write(place, "port: 2\n", true)
      expect([modeOf(file), Fs.readFileSync(file, "utf8")]).toEqual([0o600, "port: 2\n"])
    }),
  )

  it.effect("A link stays, and its target is written.", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* folderWith("")
      const link = join(folder, "link.yaml")
      Fs.symlinkSync(file, link)
      yield* ConfigFile.write({ name: link, isNamed: true }, "port: 1\n", false)
      expect(Fs.lstatSync(link).isSymbolicLink()).toBe(true)
      expect(Fs.readFileSync(file, "utf8")).toBe("port: 1\n")
    }),
  )

  it.effect("A place that is not writable fails with the next step.", () =>
    Effect.gen(function* () {
      const { file } = yield* folderWith("")
      const error = yield* Effect.flip(ConfigFile.write({ name: join(file, "x.yaml"), isNamed: true }, "", false))
      expect(error.message).toMatch(/^cannot write .+x\.yaml \((ENOTDIR|EEXIST)\): make it writable/)
    }),
  )
})
