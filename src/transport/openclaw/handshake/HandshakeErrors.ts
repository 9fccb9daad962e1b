/**
 * Refusals: what ends a handshake, each with the error that answers `connect` and the close that follows. One table, in
 * the codes and words by which clients decide whether to try again. A close never goes out without its reason.
 */
import { type CloseCode, CloseCodes } from "../../connection/CloseCodes.ts"
import type { Fault, Tagged } from "../../dialect/Fault.ts"
import type { Connect } from "./Connect.ts"
import type { DeviceProblem } from "./DeviceProof.ts"
import { ofFault, stopping } from "../wire/Errors.ts"
import type { Flavor, ErrorShape } from "../wire/Frames.ts"
import type { JsonObject } from "../../dialect/Json.ts"

export interface HandshakeError {
  /** Undefined: what was sent has no answer. */
  readonly error: ErrorShape | undefined
  readonly close: CloseCode
}

/** The client has to change something before it is let in. */
const policy = (reason: string): CloseCode => ({ ...CloseCodes.policy, reason })

const refusal = (code: string, message: string, details?: JsonObject): HandshakeError => ({
  error: { code, message, ...(details !== undefined && { details }) },
  close: policy(message),
})

const invalid = (message: string, details?: JsonObject) => refusal("INVALID_REQUEST", message, details)

export const notARequest: HandshakeError = { error: undefined, close: policy("invalid request frame") }

export const notJson: HandshakeError = { error: undefined, close: policy("invalid request frame: malformed JSON") }

export const tooManyFrames: HandshakeError = { error: undefined, close: policy("too many pending handshake frames") }

export const notConnect: HandshakeError = invalid("invalid handshake: first request must be connect")

export const badParams = (issue: string): HandshakeError => invalid(`invalid connect params: ${issue}`)

export const badRole: HandshakeError = invalid("invalid role")

export const protocolMismatch = ({ maxProtocol, minProtocol }: Connect): HandshakeError => ({
  error: {
    code: "INVALID_REQUEST",
    message: "protocol mismatch",
    details: {
      code: "PROTOCOL_MISMATCH",
      clientMinProtocol: minProtocol,
      clientMaxProtocol: maxProtocol,
      expectedProtocol: 4,
      minimumProtocol: 3,
      minimumProbeProtocol: 3,
    },
  },
  close: { ...CloseCodes.protocolError, reason: "protocol mismatch" },
})

/** The gateway is going down: whoever it is, it is to come back. */
export const goingDown: HandshakeError = {
  error: stopping("connect"),
  close: { ...CloseCodes.tryAgainLater, reason: "gateway restart in progress" },
}

export const foreignOrigin: HandshakeError = invalid(
  "origin not allowed (open the Control UI from the gateway host or allow it in allowedOrigins)",
  { code: "CONTROL_UI_ORIGIN_NOT_ALLOWED", reason: "origin not allowed" },
)

const deviceProblems: Record<DeviceProblem, readonly [message: string, code: string, reason: string]> = {
  id: ["device identity mismatch", "DEVICE_ID_MISMATCH", "device-id-mismatch"],
  stale: ["device signature expired", "SIGNATURE_EXPIRED", "device-signature-stale"],
  "nonce-missing": ["device nonce required", "NONCE_REQUIRED", "device-nonce-missing"],
  nonce: ["device nonce mismatch", "NONCE_MISMATCH", "device-nonce-mismatch"],
  "public-key": ["device public key invalid", "PUBLIC_KEY_INVALID", "device-public-key"],
  signature: ["device signature invalid", "SIGNATURE_INVALID", "device-signature"],
}

export const badDevice = (problem: DeviceProblem): HandshakeError => {
  const [message, code, reason] = deviceProblems[problem]
  return invalid(message, { code: `DEVICE_AUTH_${code}`, reason })
}

const unauthorized = (
  what: string,
  code: string,
  authReason: string,
  canRetry: boolean,
  next: string,
): HandshakeError =>
  invalid(`unauthorized: ${what}`, {
    code,
    authReason,
    canRetryWithDeviceToken: canRetry,
    recommendedNextStep: canRetry ? "retry_with_device_token" : next,
  })

/** Whether the client may have a token of its device that it has not shown. */
const canRetry = ({ auth, device }: Connect): boolean => device != null && !auth?.deviceToken

const missing = (connect: Connect): HandshakeError => {
  if (connect.auth?.bootstrapToken) {
    return unauthorized(
      "bootstrap token invalid (pair the device with the gateway token)",
      "AUTH_BOOTSTRAP_TOKEN_INVALID",
      "bootstrap_token_invalid",
      false,
      "update_auth_credentials",
    )
  }
  if (connect.device == null) {
    return refusal("NOT_PAIRED", "device identity required", { code: "DEVICE_IDENTITY_REQUIRED" })
  }
  const what = "gateway token missing (provide gateway auth token)"
  return unauthorized(what, "AUTH_TOKEN_MISSING", "token_missing", canRetry(connect), "update_auth_configuration")
}

const wrong: Record<string, readonly [what: string, code: string, reason: string]> = {
  token: ["gateway token mismatch (provide gateway auth token)", "AUTH_TOKEN_MISMATCH", "token_mismatch"],
  password: [
    "gateway password mismatch (provide gateway auth password)",
    "AUTH_PASSWORD_MISMATCH",
    "password_mismatch",
  ],
  "device-token": [
    "device token mismatch (rotate/reissue device token)",
    "AUTH_DEVICE_TOKEN_MISMATCH",
    "device_token_mismatch",
  ],
}

/** The token of a device is right during a lockout, too. */
const lockedOut = (retryAfterMs: number, connect: Connect): HandshakeError => {
  const { close, error } = unauthorized(
    "too many failed authentication attempts (retry later)",
    "AUTH_RATE_LIMITED",
    "rate_limited",
    canRetry(connect),
    "wait_then_retry",
  )
  return { close, error: error && { ...error, retryable: true, retryAfterMs: Math.ceil(retryAfterMs) } }
}

const unauthenticated = ({ credential, reason, retryAfterMs }: Tagged, connect: Connect): HandshakeError => {
  if (reason === "locked-out") return lockedOut(Number(retryAfterMs ?? 0), connect)
  if (reason === "missing") return missing(connect)
  const [what, code, authReason] = wrong[String(credential)] ?? wrong["token"]!
  return unauthorized(what, code, authReason, canRetry(connect), "update_auth_credentials")
}

/** The last is what clients read of the close alone: short, as the request's id has to fit beside it. */
const pairing: Record<string, readonly [requirement: string, hint: string, closing: string]> = {
  "not-paired": [
    "device is not approved yet",
    "Approve this device from the pending pairing requests.",
    "pairing required: device is not approved yet",
  ],
  "role-upgrade": [
    "device is asking for a higher role than currently approved",
    "Review the requested role upgrade, then approve the pending request.",
    "pairing required: role upgrade pending approval",
  ],
  "scope-upgrade": [
    "device is asking for more scopes than currently approved",
    "Review the requested scopes, then approve the pending upgrade.",
    "pairing required: scope upgrade pending approval",
  ],
}

/** The client goes on asking, so that it is in as soon as an operator has said yes. */
const pairingRequired = ({ deviceId, reason, requestId }: Tagged, { role, scopes }: Connect): HandshakeError => {
  const [requirement, remediationHint, closing] = pairing[String(reason)]!
  const details = {
    code: "PAIRING_REQUIRED",
    requestId,
    reason,
    remediationHint,
    recommendedNextStep: "wait_then_retry",
    deviceId,
    requestedRole: role ?? "operator",
    requestedScopes: scopes ?? [],
  }
  return {
    error: { code: "NOT_PAIRED", message: `pairing required: ${requirement}`, details },
    close: policy(`${closing} (requestId: ${String(requestId)})`),
  }
}

/** Why the client was not let in. */
export const notAdmitted = (fault: Fault, connect: Connect, era: Flavor): HandshakeError => {
  if (fault._tag === "Denied") return unauthenticated(fault.refusal, connect)
  if (fault._tag === "Domain" && fault.error._tag === "PairingRequired") return pairingRequired(fault.error, connect)
  if (fault._tag === "Domain" && fault.error._tag === "ScopesNotGranted") {
    const what = "device token scope mismatch (re-pair or approve scope upgrade)"
    return unauthorized(what, "AUTH_SCOPE_MISMATCH", "scope_mismatch", false, "review_auth_configuration")
  }
  const error = ofFault(era, "connect", fault)
  return { error, close: { ...CloseCodes.tryAgainLater, reason: error.message } }
}
