/**
 * DeviceProof: checks the signature of a device's Ed25519 key over its request and the connection's nonce. It does not
 * check whether the gateway knows the device. Handshake.ts uses it.
 */
import { hash, verify } from "node:crypto"
import { type SignedDevice, type SignedFields, signedText } from "../../../domain/DeviceSignature.ts"

/** The member `device` of `connect`. */
export interface DeviceClaim extends SignedDevice {
  /** The raw key of 32 bytes in base64url. */
  readonly publicKey: string
  readonly signature: string
}

export type DeviceProblem = "id" | "stale" | "nonce-missing" | "nonce" | "public-key" | "signature"

/** The largest difference of a device's clock. */
const SKEW_MS = 120_000

const KEY_BYTES = 32

/** Returns the key in PEM (RFC 8410 4). The text before the key's own is the same for all Ed25519 keys. */
const pemOf = (key: Buffer): string =>
  `-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA${key.toString("base64")}\n-----END PUBLIC KEY-----`

const isSigned = (claim: DeviceClaim, signed: SignedFields, key: Buffer): boolean => {
  try {
    // Node reads a text in four fifths of the time that it takes for an object.
    const publicKey = pemOf(key)
    const signature = Buffer.from(claim.signature, "base64url")
    return (["v3", "v2"] as const).some((version) =>
      verify(null, Buffer.from(signedText(version, claim, signed)), publicKey, signature),
    )
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
