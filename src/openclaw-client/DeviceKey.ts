/**
 * DeviceKey: the Ed25519 key of a device, its id, and the proof of the key in `connect`. Connect.ts and DeviceFile.ts use it.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { type SignedFields, signedText } from "../domain/DeviceSignature.ts"

export class DeviceKey {
  /** The hexadecimal SHA-256 of the raw public key. */
  readonly id: string
  /** The raw public key in base64url. */
  readonly publicKey: string
  readonly #key: KeyObject

  private constructor(key: KeyObject) {
    const { x = "" } = createPublicKey(key).export({ format: "jwk" })
    this.#key = key
    this.publicKey = x
    this.id = createHash("sha256").update(Buffer.from(x, "base64url")).digest("hex")
  }

  static generate(): DeviceKey {
    return new DeviceKey(generateKeyPairSync("ed25519").privateKey)
  }

  /** Throws if the text is no private Ed25519 key in PEM. */
  static fromPem(pem: string): DeviceKey {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType !== "ed25519") throw new TypeError("the key of a device is an Ed25519 key")
    return new DeviceKey(key)
  }

  /** Returns the private key. */
  toPem(): string {
    return this.#key.export({ type: "pkcs8", format: "pem" }).toString()
  }

  /**
   * Returns the member `device` of `connect`. `signedAt`: epoch milliseconds. The gateway accepts 120 s of difference to
   * its own clock.
   */
  prove(fields: SignedFields, nonce: string, signedAt: number) {
    const text = signedText("v3", { id: this.id, signedAt, nonce }, fields)
    const signature = sign(null, Buffer.from(text), this.#key).toString("base64url")
    return { id: this.id, publicKey: this.publicKey, signature, signedAt, nonce }
  }
}
