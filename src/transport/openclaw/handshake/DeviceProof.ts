/**
 * The proof of a device: a signature by its Ed25519 key over what it asks for and this connection's nonce. Pure: the
 * caller brings nonce and time. Which devices are known is not its matter.
 */
import { createPublicKey, hash, verify } from "node:crypto"

/** What a device sends of itself in `connect`. */
export interface DeviceClaim {
  readonly id: string
  /** The raw key of 32 bytes in base64url. */
  readonly publicKey: string
  readonly signature: string
  /** Epoch milliseconds by the device's clock, or the challenge's. */
  readonly signedAt: number
  readonly nonce?: string | undefined
}

/** What it has signed besides. */
export interface Signed {
  readonly clientId: string
  readonly clientMode: string
  readonly role: string
  /** As they stand in the request, in their order. */
  readonly scopes: ReadonlyArray<string>
  /** The secret that the request carries, whichever it is. */
  readonly token: string
  readonly platform: string
  readonly deviceFamily: string
}

export type DeviceProblem = "id" | "stale" | "nonce-missing" | "nonce" | "public-key" | "signature"

/** How far a device's clock may be off. */
const SKEW_MS = 120_000

const KEY_BYTES = 32

const asciiLower = (text: string): string => text.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase())

/** The texts that the signature may be over: those of two generations of clients. */
const signedTexts = ({ id, nonce = "", signedAt }: DeviceClaim, signed: Signed): ReadonlyArray<string> => {
  const { clientId, clientMode, deviceFamily, platform, role, scopes, token } = signed
  const common = [id, clientId, clientMode, role, scopes.join(","), String(signedAt), token, nonce]
  return [["v3", ...common, asciiLower(platform), asciiLower(deviceFamily)].join("|"), ["v2", ...common].join("|")]
}

const isSigned = (claim: DeviceClaim, signed: Signed, key: Buffer): boolean => {
  try {
    const jwk = { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") }
    const publicKey = createPublicKey({ key: jwk, format: "jwk" })
    const signature = Buffer.from(claim.signature, "base64url")
    return signedTexts(claim, signed).some((text) => verify(null, Buffer.from(text), publicKey, signature))
  } catch {
    return false
  }
}

/** What is wrong with the proof, in the order in which the reference gateway looks; undefined: nothing. */
export const deviceProblem = (
  claim: DeviceClaim,
  signed: Signed,
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
