/**
 * HandshakeErrors: the errors that end a handshake. Each has the error of the answer to `connect` and the close that
 * follows. Clients decide by the codes and texts whether to retry. Every close has a reason. Handshake.ts and OpenClaw.ts
 * use it.
 */
import { type CloseCode, CloseCodes } from "../../connection/CloseCodes.ts"
import type { Fault, Tagged } from "../../dialect/Fault.ts"
import type { Connect } from "./Connect.ts"
import type { DeviceProblem } from "./DeviceProof.ts"
import * as Errors from "../wire/Errors.ts"
import type { Flavor, ErrorShape } from "../wire/Frames.ts"
import type { JsonObject } from "../../dialect/Json.ts"

export interface HandshakeError {
  /** `undefined` if the frame has no answer. */
  readonly error: ErrorShape | undefined
  readonly close: CloseCode
}

/** The close of a client that must change its request before it retries. */
const policy = (reason: string): CloseCode => ({ ...CloseCodes.policy, reason })

const failure = (code: string, message: string, details?: JsonObject): HandshakeError => ({
  error: { code, message, ...(details !== undefined && { details }) },
  close: policy(message),
})

const invalid = (message: string, details?: JsonObject) => failure("INVALID_REQUEST", message, details)

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

/** The gateway is stopping. The client should come back. */
export const stopping: HandshakeError = {
  error: Errors.stopping("connect"),
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
  problem: string,
  code: string,
  authReason: string,
  canRetry: boolean,
  next: string,
): HandshakeError =>
  invalid(`unauthorized: ${problem}`, {
    code,
    authReason,
    canRetryWithDeviceToken: canRetry,
    recommendedNextStep: canRetry ? "retry_with_device_token" : next,
  })

/** Whether the client may have a device token that it has not sent. */
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
    return failure("NOT_PAIRED", "device identity required", { code: "DEVICE_IDENTITY_REQUIRED" })
  }
  const problem = "gateway token missing (provide gateway auth token)"
  return unauthorized(problem, "AUTH_TOKEN_MISSING", "token_missing", canRetry(connect), "update_auth_configuration")
}

const wrong: Record<string, readonly [problem: string, code: string, reason: string]> = {
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

/** A lockout does not apply to device tokens, so a device may retry with its token. */
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
  const [problem, code, authReason] = wrong[String(credential)] ?? wrong["token"]!
  return unauthorized(problem, code, authReason, canRetry(connect), "update_auth_credentials")
}

/** `closing` begins the close reason, which has little room: the id of the request follows. */
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

/** The client retries until an operator has approved the request. */
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

/** Returns the error for a client that the kernel does not admit. */
export const notAdmitted = (fault: Fault, connect: Connect, flavor: Flavor): HandshakeError => {
  if (fault._tag === "Denied") return unauthenticated(fault.refusal, connect)
  if (fault._tag === "Domain" && fault.error._tag === "PairingRequired") return pairingRequired(fault.error, connect)
  if (fault._tag === "Domain" && fault.error._tag === "ScopesNotGranted") {
    const problem = "device token scope mismatch (re-pair or approve scope upgrade)"
    return unauthorized(problem, "AUTH_SCOPE_MISMATCH", "scope_mismatch", false, "review_auth_configuration")
  }
  const error = Errors.ofFault(flavor, "connect", fault)
  return { error, close: { ...CloseCodes.tryAgainLater, reason: error.message } }
}
