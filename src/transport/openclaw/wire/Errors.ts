/**
 * Errors: the error of a failed call, with the codes and texts of the reference gateway, which some clients match on.
 * `details` has the facts. OpenClaw.ts and HandshakeErrors.ts use it.
 */
import type { Fault, Tagged } from "../../dialect/Fault.ts"
import { describe } from "../../dialect/Faults.ts"
import type { Flavor, ErrorShape } from "./Frames.ts"

const invalid = (message: string, details?: ErrorShape["details"]): ErrorShape => ({
  code: "INVALID_REQUEST",
  message,
  ...(details !== undefined && { details }),
})

/** The error while the gateway stops. By `reason` and `phase`, clients know that they can come back. */
export const stopping = (method: string): ErrorShape => ({
  ...unavailable(`${method} unavailable during gateway restart`, STOPPING_RETRY_MS),
  details: { method, reason: "gateway-restarting", phase: "draining" },
})

/** Longer than the end of a drain takes, and shorter than the client's own delay. */
const STOPPING_RETRY_MS = 1_000

const unavailable = (message: string, retryAfterMs?: number): ErrorShape => ({
  code: "UNAVAILABLE",
  message,
  retryable: true,
  ...(retryAfterMs !== undefined && { retryAfterMs: Math.ceil(retryAfterMs) }),
})

/** Clients of protocol 3 have no code for a missing scope. They recognize the message. */
const missingScope = (flavor: Flavor, scope: unknown): ErrorShape => ({
  code: flavor === 4 ? "FORBIDDEN" : "INVALID_REQUEST",
  message: `missing scope: ${String(scope)}`,
  details: { code: "MISSING_SCOPE", missingScope: scope, requiredScopes: [scope] },
})

/** Returns the code of a tag: `SessionBusy` becomes `SESSION_BUSY`. */
const codeOf = (tag: string): string => tag.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()

/** The texts and reasons that clients match on. */
const ofApproval = (method: string, tag: string, facts: Readonly<Record<string, unknown>>): ErrorShape => {
  const reasoned = (message: string, reason: string) => invalid(message, { code: codeOf(tag), reason, ...facts })
  if (facts["isAmbiguous"] === true) return invalid("ambiguous approval id prefix; use the full id", facts)
  if (tag === "DecisionUnavailable") {
    return reasoned("allow-always is unavailable for this command", "APPROVAL_ALLOW_ALWAYS_UNAVAILABLE")
  }
  if (tag === "ApprovalClosed" && facts["decision"] !== null) {
    return reasoned("approval already resolved", "APPROVAL_ALREADY_RESOLVED")
  }
  return reasoned(
    method.startsWith("approval.") ? "approval not found" : "unknown or expired approval id",
    "APPROVAL_NOT_FOUND",
  )
}

const ofQuestion = (tag: string, facts: Readonly<Record<string, unknown>>, described: string): ErrorShape => {
  const reasoned = (message: string, reason: string) => invalid(message, { code: codeOf(tag), reason, ...facts })
  if (facts["isAmbiguous"] === true) return invalid("ambiguous question id prefix; use the full id", facts)
  switch (tag) {
    case "QuestionExists":
      return reasoned("question id is already in use", "QUESTION_ID_IN_USE")
    case "QuestionClosed":
      return reasoned("question already resolved", "QUESTION_ALREADY_TERMINAL")
    case "AnswersInvalid":
      return reasoned(described, "QUESTION_INVALID_ANSWER")
    default:
      return reasoned("unknown or expired question id", "QUESTION_NOT_FOUND")
  }
}

const ofDomain = (method: string, fault: Fault, { _tag, ...facts }: Tagged): ErrorShape => {
  const details = { code: codeOf(_tag), ...facts }
  switch (_tag) {
    case "StorageUnavailable":
      if (method.endsWith(".approval.request")) return unavailable("approval request unavailable")
      return { ...unavailable(describe(fault)), details }
    case "SessionBusy":
      return { ...unavailable(describe(fault)), details }
    case "LimitReached":
      // These end without help. Everything else with a limit has to be removed by an operator.
      return ["queuedRuns", "approvals", "questions"].includes(String(facts["limit"]))
        ? { ...unavailable(describe(fault)), details }
        : invalid(describe(fault), details)
    case "ShuttingDown":
      return stopping(method)
    case "QuestionNotFound":
    case "QuestionExists":
    case "QuestionClosed":
    case "AnswersInvalid":
      return ofQuestion(_tag, facts, describe(fault))
    case "ApprovalExists":
      return invalid("approval id already pending", details)
    case "ApprovalNotFound":
    case "ApprovalClosed":
    case "DecisionUnavailable":
      return ofApproval(method, _tag, facts)
    default:
      return invalid(describe(fault), details)
  }
}

export const ofFault = (flavor: Flavor, method: string, fault: Fault): ErrorShape => {
  switch (fault._tag) {
    case "UnknownMethod":
      return invalid(`unknown method: ${fault.method}`)
    case "InvalidParams":
      return invalid(`invalid ${method} params: ${fault.issue}`)
    case "DuplicateId":
      return invalid("a request with this id is in flight")
    case "Denied":
      return fault.refusal._tag === "Forbidden"
        ? missingScope(flavor, fault.refusal["missingScope"])
        : invalid("unauthorized", { code: "AUTH_UNAUTHORIZED" })
    case "Limited":
      return unavailable("The server is busy. Please try again in a moment.", fault.retryAfterMs)
    case "Domain":
      return ofDomain(method, fault, fault.error)
    case "Interrupted":
      return unavailable("request cancelled")
    case "Internal":
      return { code: "UNAVAILABLE", message: "internal error" }
  }
}
