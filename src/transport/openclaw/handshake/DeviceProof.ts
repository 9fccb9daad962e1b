/**
 * DeviceProof: checks the signature of a device's Ed25519 key over its request and the connection's nonce. It does not
 * check whether the gateway knows the device. Handshake.ts uses it.
 */
import { createPublicKey, hash, verify } from "node:crypto"
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

const isSigned = (claim: DeviceClaim, signed: SignedFields, key: Buffer): boolean => {
  try {
    const jwk = { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") }
    const publicKey = createPublicKey({ key: jwk, format: "jwk" })
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
