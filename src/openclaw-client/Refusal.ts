/**
 * Refusal: decides what follows when a gateway refuses `connect`: another try, another credential, waiting for an
 * operator, or the end. CredentialChoice.ts uses it, and Connection.ts acts on the decision.
 */
import type { ErrorShape } from "./Frames.ts"

/** The decision after a refusal. `reason` is for people. */
export type Decision =
  | { readonly _tag: "Retry"; readonly reason: string; readonly afterMs: number }
  /** An operator must approve the device. The client asks again until then. */
  | { readonly _tag: "Pair"; readonly reason: string; readonly requestId: string | undefined }
  /** Try once more at once, with this credential. */
  | { readonly _tag: "Switch"; readonly to: "secret" | "device-token" }
  /** Only another configuration helps. `code` is `details.code`, or else the code of the error. */
  | { readonly _tag: "Stop"; readonly reason: string; readonly code: string }

/** The credentials of the client. */
export interface Credentials {
  readonly sent: "none" | "secret" | "device-token"
  readonly hasSecret: boolean
  readonly hasDeviceToken: boolean
  /** Whether this attempt is the second one after a refusal. */
  readonly hasSwitched: boolean
}

const RATE_LIMIT_MS = 30_000

/** Refusals that the next attempt may not meet: its challenge is another one. */
const passing = new Set([
  "DEVICE_AUTH_NONCE_MISMATCH",
  "DEVICE_AUTH_NONCE_REQUIRED",
  "DEVICE_AUTH_SIGNATURE_EXPIRED",
  "AUTH_RATE_LIMITED",
])

const nextSteps: Readonly<Record<string, string>> = {
  AUTH_TOKEN_MISMATCH: "set the gateway's token",
  AUTH_TOKEN_MISSING: "set a token",
  AUTH_REQUIRED: "set a token or a password",
  AUTH_PASSWORD_MISMATCH: "set the gateway's password",
  AUTH_PASSWORD_MISSING: "set a password",
  AUTH_DEVICE_TOKEN_MISMATCH: "set the gateway's token to pair the device again",
  AUTH_SCOPE_MISMATCH: "set the gateway's token, or request fewer scopes",
  DEVICE_IDENTITY_REQUIRED: "set a token, or the file of a device key",
  PROTOCOL_MISMATCH: "this client speaks protocols 3 and 4: use another version of the gateway or of the client",
}

const detailsOf = (error: ErrorShape): { readonly [name: string]: unknown } =>
  typeof error.details === "object" && error.details !== null ? { ...error.details } : {}

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

const SHOWN_CHARS = 300

/** Returns the decision. A stored device token replaces a wrong secret once, and the secret a stale device token. */
export const decide = (error: ErrorShape, { hasDeviceToken, hasSecret, hasSwitched, sent }: Credentials): Decision => {
  const details = detailsOf(error)
  const code = textOf(details["code"]) ?? error.code
  const message = error.message.slice(0, SHOWN_CHARS)
  const isAboutAuth = code.startsWith("AUTH_")
  if (code === "PAIRING_REQUIRED") return { _tag: "Pair", reason: message, requestId: textOf(details["requestId"]) }
  if (isAboutAuth && !hasSwitched && sent === "secret" && hasDeviceToken) return { _tag: "Switch", to: "device-token" }
  if (isAboutAuth && !hasSwitched && sent === "device-token" && hasSecret) return { _tag: "Switch", to: "secret" }
  if (error.retryable === true || error.code === "UNAVAILABLE" || passing.has(code)) {
    const afterMs = error.retryAfterMs ?? (code === "AUTH_RATE_LIMITED" ? RATE_LIMIT_MS : 0)
    return { _tag: "Retry", reason: message, afterMs }
  }
  const step = nextSteps[code]
  return { _tag: "Stop", code, reason: step === undefined ? message : `${message}: ${step}` }
}
