/** The checks of `causeway doctor` that concern secrecy: short secrets, and folders that others may open. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import { join } from "node:path"
import { checks } from "../../../src/cli/process/DoctorChecks.ts"
import { type GatewayOptions, GatewaySettings } from "../../../src/domain/GatewayConfig.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"

const check = Effect.fnUntraced(function* (name: string, options: GatewayOptions) {
  const settings = yield* Schema.decodeEffect(GatewaySettings)({ port: 0, ...options })
  return (yield* checks(settings)).find((check) => check.name === name)
})

const secrecyOf = Effect.fnUntraced(function* (stateDir: string) {
  const found = yield* check("secrecy", { stateDir })
  return found !== undefined && "problem" in found ? found : { problem: undefined, remedy: undefined }
})

const NAMES = ["causeway.db-wal", "token", "identity.pem", "lock", "memory", join("memory", "note.md")]

/** A state folder as a gateway leaves it. */
const folder = Effect.map(temporaryFolder, (folder) => {
  Fs.mkdirSync(join(folder, "memory"), { mode: 0o700 })
  for (const name of NAMES.filter((name) => name !== "memory"))
    Fs.writeFileSync(join(folder, name), "", { mode: 0o600 })
  return folder
})

describe("the check of the configuration", () => {
  it.live("finds a short secret where other machines reach the gateway, and mentions it on loopback", () =>
    Effect.gen(function* () {
      const options = { stateDir: yield* temporaryFolder, token: "fifteen letters" }
      expect(yield* check("configuration", { ...options, host: "127.0.0.1" })).toMatchObject({
        fact: expect.stringContaining("the token has 15 characters"),
      })
      expect(yield* check("configuration", { ...options, host: "0.0.0.0" })).toMatchObject({
        problem: "the token has 15 characters, which a program can guess, and other machines reach 0.0.0.0",
      })
      const long = { ...options, host: "0.0.0.0", token: "sixteen letters!" }
      expect(yield* check("configuration", long)).toMatchObject({ fact: "listens on 0.0.0.0:0, auth token" })
    }),
  )
})

describe("the check of secrecy", () => {
  it.live("finds each file and folder with conversations or secrets that others may read", () =>
    Effect.gen(function* () {
      const stateDir = yield* folder
      expect((yield* secrecyOf(stateDir)).problem).toBeUndefined()
      for (const name of NAMES) {
        Fs.chmodSync(join(stateDir, name), 0o755)
        expect((yield* secrecyOf(stateDir)).problem).toBe(`others may read ${join(stateDir, name)}`)
        Fs.chmodSync(join(stateDir, name), 0o700)
      }
    }),
  )

  it.live("names the first of many, and asks for a new token where that one was open", () =>
    Effect.gen(function* () {
      const stateDir = yield* folder
      for (const name of NAMES) Fs.chmodSync(join(stateDir, name), 0o755)
      const { problem, remedy } = yield* secrecyOf(stateDir)
      expect(problem).toMatch(/^others may read .*causeway\.db-wal, .*token, .*identity\.pem and 3 more$/)
      expect(remedy).toBe(`chmod go-rwx -R ${stateDir}; then \`causeway token rotate\``)
    }),
  )

  it.live("finds a folder in which others may replace the files", () =>
    Effect.gen(function* () {
      const stateDir = yield* folder
      Fs.chmodSync(stateDir, 0o777)
      expect((yield* secrecyOf(stateDir)).problem).toBe(`others may write ${stateDir}, and so replace the files in it`)
    }),
  )

  it.live.runIf(process.getuid?.() === 0)("finds a file of another user than the folder's", () =>
    Effect.gen(function* () {
      const stateDir = yield* folder
      Fs.chownSync(stateDir, 65_534, 65_534)
      for (const name of NAMES) Fs.chownSync(join(stateDir, name), 65_534, 65_534)
      expect((yield* secrecyOf(stateDir)).problem).toBeUndefined()
      Fs.chownSync(join(stateDir, "token"), 12_345, 12_345)
      expect((yield* secrecyOf(stateDir)).problem).toBe(`${join(stateDir, "token")} belongs to another user`)
    }),
  )
})
