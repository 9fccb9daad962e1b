import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { followToken, ensureToken, readToken, rotateToken } from "../../../src/services/auth/TokenFile.ts"
import { StateFolder, statePaths } from "../../../src/services/storage/StateFolder.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"

const temporaryFile = Effect.map(temporaryFolder, (folder) => statePaths(folder).tokenFile)

const modeOf = (path: string) => Fs.statSync(path).mode & 0o777

describe("TokenFile", () => {
  it.live("The first start makes the token, and the next start keeps it and closes the file to others.", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const first = yield* ensureToken(file)
      expect(Redacted.value(first)).toMatch(/^[A-Za-z0-9_-]{43}$/)
      expect(String(first)).not.toContain(Redacted.value(first))
      expect(modeOf(file)).toBe(0o600)
      Fs.chmodSync(file, 0o644)
      expect(yield* ensureToken(file)).toEqual(first)
      expect(modeOf(file)).toBe(0o600)
    }).pipe(Effect.scoped),
  )

  it.live("A client reads the token while a gateway holds the state folder.", () =>
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      const { tokenFile } = statePaths(stateDir)
      expect((yield* Effect.flip(readToken(tokenFile))).problem).toBe(`there is no token in ${tokenFile}`)
      const held = StateFolder.layer.pipe(Layer.provide(GatewayConfig.layer({ stateDir })))
      yield* Effect.gen(function* () {
        const made = yield* ensureToken((yield* StateFolder).tokenFile)
        expect(yield* readToken(tokenFile)).toEqual(made)
      }).pipe(Effect.provide(held))
    }).pipe(Effect.scoped),
  )

  it.live("A start accepts a rotated token and a handwritten one, and replaces an empty file.", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const first = yield* ensureToken(file)
      const rotated = yield* rotateToken(file)
      expect(Redacted.value(rotated)).not.toBe(Redacted.value(first))
      expect(modeOf(file)).toBe(0o600)
      expect(yield* ensureToken(file)).toEqual(rotated)
      Fs.writeFileSync(file, "  by-hand\n")
      expect(Redacted.value(yield* ensureToken(file))).toBe("by-hand")
      Fs.writeFileSync(file, "\n")
      expect(Redacted.value(yield* ensureToken(file))).toMatch(/^[A-Za-z0-9_-]{43}$/)
    }).pipe(Effect.scoped),
  )

  it.live(
    "`followToken` returns the same value until the file holds another token, also while the file cannot be read.",
    () =>
      Effect.gen(function* () {
        const file = yield* temporaryFile
        const first = yield* ensureToken(file)
        const current = followToken(file, first)
        expect(current()).toBe(first)
        const rotated = yield* rotateToken(file)
        const second = current()
        expect(second).toEqual(rotated)
        expect(current()).toBe(second)
        Fs.rmSync(file)
        expect(current()).toBe(second)
        Fs.mkdirSync(file)
        expect(current()).toBe(second)
        Fs.rmdirSync(file)
        const third = yield* rotateToken(file)
        expect(current()).toEqual(third)
      }).pipe(Effect.scoped),
  )
})
