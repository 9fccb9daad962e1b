import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { GatewayKey } from "../../../src/services/auth/GatewayKey.ts"
import { StateFolder, statePaths } from "../../../src/services/storage/StateFolder.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"

const identityIn = (folder: string) => {
  const state = Layer.succeed(StateFolder, StateFolder.of({ ...statePaths(folder), lost: Effect.never }))
  return Effect.provide(GatewayKey, Layer.fresh(GatewayKey.layer).pipe(Layer.provide(state)))
}

describe("GatewayKey", () => {
  it.effect("The key survives restarts, differs between state folders, and its id is its fingerprint.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { id, publicKey } = yield* identityIn(folder)
      expect(yield* identityIn(folder)).toEqual({ id, publicKey })
      expect(yield* identityIn(yield* temporaryFolder)).not.toEqual({ id, publicKey })
      expect(id).toBe(createHash("sha256").update(Buffer.from(publicKey, "base64url")).digest("hex"))
    }),
  )

  it.effect("The file of the key has the mode 0600.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* identityIn(folder)
      expect(Fs.statSync(Path.join(folder, "identity.pem")).mode & 0o777).toBe(0o600)
    }),
  )

  it.effect("A file that is not a key fails the start with its path.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      Fs.writeFileSync(Path.join(folder, "identity.pem"), "no key")
      expect(yield* Effect.flip(identityIn(folder))).toMatchObject({
        problem: expect.stringContaining(Path.join(folder, "identity.pem")),
      })
    }),
  )
})
