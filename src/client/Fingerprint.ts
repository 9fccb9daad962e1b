/**
 * Fingerprint: the SHA-256 fingerprint of a certificate, by which a client knows a gateway whose certificate no authority has
 * signed. Target.ts and PinnedWebSocket.ts use it.
 */
import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"

/** The code of a connection to a certificate with another fingerprint. */
export const OTHER_CERTIFICATE = "CERT_FINGERPRINT_DIFFERS"

const HEX = 64

/**
 * Returns the hexadecimal digits of a SHA-256 fingerprint, or `undefined`. Colons and the prefix `sha256:` may be left out.
 */
export const fingerprintOf = (text: string): string | undefined => {
  const digits = text
    .trim()
    .toLowerCase()
    .replace(/^sha-?256[:=]/, "")
    .replaceAll(":", "")
  return digits.length === HEX && /^[0-9a-f]+$/.test(digits) ? digits : undefined
}

/** Returns the fingerprint of the first certificate in a PEM file, or `undefined` if the file has none. */
export const fingerprintOfFile = (file: string): string | undefined => {
  try {
    return fingerprintOf(new X509Certificate(readFileSync(file)).fingerprint256)
  } catch {
    return undefined
  }
}
