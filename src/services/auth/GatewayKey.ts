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
import { toStartupError } from "../storage/FileErrors.ts"
import { StateFolder } from "../storage/StateFolder.ts"

/** Returns the key in the file. Makes one if there is none: a crash in between leaves no half-written file. */
const loadOrMake = (file: string): KeyObject => {
  if (!Fs.existsSync(file)) {
    const { privateKey } = generateKeyPairSync("ed25519")
    const draft = `${file}.new`
    Fs.rmSync(draft, { force: true })
    const pem = privateKey.export({ type: "pkcs8", format: "pem" })
    Fs.writeFileSync(draft, pem, { mode: 0o600, flag: "wx", flush: true })
    Fs.renameSync(draft, file)
  }
  return createPrivateKey(Fs.readFileSync(file, "utf8"))
}

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
        yield* Effect.try({
          try: () => identityOf(loadOrMake(file)),
          catch: (error) => toStartupError(error, `the identity file ${file}`),
        }),
      )
    }),
  )
}
