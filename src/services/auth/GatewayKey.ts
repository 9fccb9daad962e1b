/**
 * GatewayKey: the gateway's own Ed25519 key, by which clients recognize it. The first start makes the key and keeps it in
 * the state folder. The method `gateway.identity` returns the public part.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject } from "node:crypto"
import * as Fs from "node:fs"
import type { GatewayIdentity } from "../../domain/System.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import { writeFile } from "../storage/AtomicFile.ts"
import { toStartupError } from "../storage/FileErrors.ts"
import { StateFolder } from "../storage/StateFolder.ts"

/** Returns the key in the file. Creates the file if it is missing. */
const ensureKey = Effect.fnUntraced(function* (file: string) {
  if (!Fs.existsSync(file)) {
    const { privateKey } = generateKeyPairSync("ed25519")
    yield* writeFile(file, privateKey.export({ type: "pkcs8", format: "pem" }).toString())
  }
  return yield* Effect.try({ try: () => createPrivateKey(Fs.readFileSync(file, "utf8")), catch: (error) => error })
})

const identityOf = (key: KeyObject): GatewayIdentity => {
  const publicKey = createPublicKey(key).export({ format: "jwk" }).x ?? ""
  return { id: hash("sha256", Buffer.from(publicKey, "base64url"), "hex"), publicKey }
}

export class GatewayKey extends Context.Service<GatewayKey, GatewayIdentity>()("causeway/services/auth/GatewayKey") {
  static readonly layer: Layer.Layer<GatewayKey, StartupError, StateFolder> = Layer.effect(
    GatewayKey,
    Effect.gen(function* () {
      const { identityFile: file } = yield* StateFolder
      return GatewayKey.of(
        yield* ensureKey(file).pipe(
          Effect.map(identityOf),
          Effect.mapError((error) => toStartupError(error, `the identity file ${file}`)),
        ),
      )
    }),
  )
}
