/**
 * DeviceProof: checks the signature of a device's Ed25519 key over its request and the connection's nonce. It does not
 * check whether the gateway knows the device. Handshake.ts uses it.
 */
import { createPublicKey, hash, verify } from "node:crypto"

/** The member `device` of `connect`. */
export interface DeviceClaim {
  readonly id: string
  /** The raw key of 32 bytes in base64url. */
  readonly publicKey: string
  readonly signature: string
  /** Epoch milliseconds, by the device's clock or from the challenge. */
  readonly signedAt: number
  readonly nonce?: string | undefined
}

/** The other signed fields of `connect`. */
export interface SignedFields {
  readonly clientId: string
  readonly clientMode: string
  readonly role: string
  /** In the order of the request. */
  readonly scopes: ReadonlyArray<string>
  /** The secret of the request: a token, a device token or a bootstrap token. */
  readonly token: string
  readonly platform: string
  readonly deviceFamily: string
}

export type DeviceProblem = "id" | "stale" | "nonce-missing" | "nonce" | "public-key" | "signature"

/** The largest difference of a device's clock. */
const SKEW_MS = 120_000

const KEY_BYTES = 32

const asciiLower = (text: string): string => text.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase())

/** Returns the two texts that a device may sign. Older clients sign the second one. */
const signedTexts = ({ id, nonce = "", signedAt }: DeviceClaim, signed: SignedFields): ReadonlyArray<string> => {
  const { clientId, clientMode, deviceFamily, platform, role, scopes, token } = signed
  const common = [id, clientId, clientMode, role, scopes.join(","), String(signedAt), token, nonce]
  return [["v3", ...common, asciiLower(platform), asciiLower(deviceFamily)].join("|"), ["v2", ...common].join("|")]
}

const isSigned = (claim: DeviceClaim, signed: SignedFields, key: Buffer): boolean => {
  try {
    const jwk = { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") }
    const publicKey = createPublicKey({ key: jwk, format: "jwk" })
    const signature = Buffer.from(claim.signature, "base64url")
    return signedTexts(claim, signed).some((text) => verify(null, Buffer.from(text), publicKey, signature))
  } catch {
    return false
  }
}

/** Returns the first problem of the proof in the order of the reference gateway, or `undefined` if it is valid. */
export const deviceProblem = (
  claim: DeviceClaim,
  signed: SignedFields,
  nonce: string,
  now: number,
): DeviceProblem | undefined => {
  const key = Buffer.from(claim.publicKey, "base64url")
  if (hash("sha256", key, "hex") !== claim.id.toLowerCase()) return "id"
  if (Math.abs(now - claim.signedAt) > SKEW_MS) return "stale"
  if (claim.nonce === undefined || claim.nonce === "") return "nonce-missing"
  if (claim.nonce !== nonce) return "nonce"
  if (key.length !== KEY_BYTES) return "public-key"
  return isSigned(claim, signed, key) ? undefined : "signature"
}
