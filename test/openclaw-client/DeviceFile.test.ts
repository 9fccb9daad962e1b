import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as DeviceFile from "../../src/openclaw-client/DeviceFile.ts"
import { temporaryFolder } from "../support/GatewayProcess.ts"

const path = Effect.map(temporaryFolder, (folder) => join(folder, "keys/device.json"))

describe("DeviceFile", () => {
  it.effect("The key is made once and kept in a file that only its owner can read.", () =>
    Effect.gen(function* () {
      const file = yield* path
      const first = yield* DeviceFile.open(file)
      expect((yield* DeviceFile.open(file)).key.id).toBe(first.key.id)
      expect(first.key.id).toMatch(/^[0-9a-f]{64}$/)
      expect(Fs.statSync(file).mode & 0o777).toBe(0o600)
      expect(Fs.readdirSync(join(file, ".."))).toEqual(["device.json"])
    }),
  )

  it.effect("Tokens of several gateways and several clients are kept beside each other.", () =>
    Effect.gen(function* () {
      const file = yield* path
      const one = yield* DeviceFile.open(file)
      const other = yield* DeviceFile.open(file)
      yield* one.keep("ws://a/", "token a")
      yield* other.keep("ws://b/", "token b")
      yield* one.keep("ws://c/", "token c")
      yield* one.keep("ws://c/", undefined)
      const again = yield* DeviceFile.open(file)
      const tokens = yield* Effect.forEach(["ws://a/", "ws://b/", "ws://c/"], again.tokenFor)
      expect(tokens.map((token) => token && Redacted.value(token))).toEqual(["token a", "token b", undefined])
      expect(JSON.stringify(tokens)).not.toContain("token a")
    }),
  )

  it.effect.each(["", "{}", "not json", '{"privateKey":"x","tokens":{}}'])(
    "A file with %j is not replaced, and the error quotes none of it.",
    (text) =>
      Effect.gen(function* () {
        const file = join(yield* temporaryFolder, "device.json")
        Fs.writeFileSync(file, text)
        const problem = yield* Effect.flip(DeviceFile.open(file))
        expect(problem.message).toContain("is not a device key: move it away")
        expect(Fs.readFileSync(file, "utf8")).toBe(text)
      }),
  )

  it.effect("A folder that cannot be written is named with the problem.", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "file")
      Fs.writeFileSync(file, "")
      const problem = yield* Effect.flip(DeviceFile.open(join(file, "device.json")))
      expect(problem.message).toMatch(/device\.json cannot be (written|read) \(E[A-Z]+\)/)
    }),
  )
})
