/**
 * DeviceSignature: the text that a device signs with its key to prove in `connect` who it is. The OpenClaw client signs it,
 * and the OpenClaw wire checks the signature.
 */

/** The fields of `connect` that the device signs, besides its id, the time and the nonce. */
export interface SignedFields {
  readonly clientId: string
  readonly clientMode: string
  readonly role: string
  /** In the order of the request. */
  readonly scopes: ReadonlyArray<string>
  /** The secret of the request: a token, a device token or a bootstrap token. Empty for a password. */
  readonly token: string
  readonly platform: string
  readonly deviceFamily: string
}

/** The fields of the member `device` of `connect` that the device signs. */
export interface SignedDevice {
  readonly id: string
  /** Epoch milliseconds, by the device's clock or from the challenge. */
  readonly signedAt: number
  readonly nonce?: string | undefined
}

const asciiLower = (text: string): string => text.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase())

/** Returns the text. Older devices sign `v2`. */
export const signedText = (
  version: "v2" | "v3",
  { id, nonce = "", signedAt }: SignedDevice,
  { clientId, clientMode, deviceFamily, platform, role, scopes, token }: SignedFields,
): string => {
  const common = [version, id, clientId, clientMode, role, scopes.join(","), String(signedAt), token, nonce]
  return (version === "v2" ? common : [...common, asciiLower(platform), asciiLower(deviceFamily)]).join("|")
}
