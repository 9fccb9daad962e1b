/**
 * DeviceKey: the Ed25519 key of a device, its id, and the proof of the key in `connect`. Connect.ts and DeviceFile.ts use it.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto"

/** The fields of `connect` that the device signs, besides its id, the time and the nonce. */
export interface SignedFields {
  readonly clientId: string
  readonly clientMode: string
  readonly role: string
  /** In the order of the request. */
  readonly scopes: ReadonlyArray<string>
  /** The secret of the request: its token or device token. Empty for a password. */
  readonly token: string
  readonly platform: string
  readonly deviceFamily: string
}

const asciiLower = (text: string): string => text.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase())

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
    const { clientId, clientMode, deviceFamily, platform, role, scopes, token } = fields
    const text = [
      "v3",
      this.id,
      clientId,
      clientMode,
      role,
      scopes.join(","),
      String(signedAt),
      token,
      nonce,
      asciiLower(platform),
      asciiLower(deviceFamily),
    ].join("|")
    const signature = sign(null, Buffer.from(text), this.#key).toString("base64url")
    return { id: this.id, publicKey: this.publicKey, signature, signedAt, nonce }
  }
}
