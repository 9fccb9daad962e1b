/**
 * Errors: why a call was not answered with a value, in the codes and words that OpenClaw's clients know. Some match on
 * the words. Pure; each error carries the facts as `details`.
 */
import type { Fault, Tagged } from "../../dialect/Fault.ts"
import { describe } from "../../dialect/Faults.ts"
import type { Flavor, ErrorShape } from "./Frames.ts"

const invalid = (message: string, details?: ErrorShape["details"]): ErrorShape => ({
  code: "INVALID_REQUEST",
  message,
  ...(details !== undefined && { details }),
})

/** As the reference gateway says it, whose clients know by it that they are to come back. */
export const stopping = (method: string): ErrorShape => ({
  ...unavailable(`${method} unavailable during gateway restart`, STOPPING_RETRY_MS),
  details: { method, reason: "gateway-restarting", phase: "draining" },
})

/** Longer than the little that is left to do, shorter than a client would wait by itself. */
const STOPPING_RETRY_MS = 1_000

const unavailable = (message: string, retryAfterMs?: number): ErrorShape => ({
  code: "UNAVAILABLE",
  message,
  retryable: true,
  ...(retryAfterMs !== undefined && { retryAfterMs: Math.ceil(retryAfterMs) }),
})

/** Clients of the protocol-3 era know a missing scope by its words, and the code by none of its own. */
const missingScope = (era: Flavor, scope: unknown): ErrorShape => ({
  code: era === 4 ? "FORBIDDEN" : "INVALID_REQUEST",
  message: `missing scope: ${String(scope)}`,
  details: { code: "MISSING_SCOPE", missingScope: scope, requiredScopes: [scope] },
})

const codeOf = (tag: string): string => tag.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()

const ofDomain = (method: string, fault: Fault, { _tag, ...facts }: Tagged): ErrorShape => {
  switch (_tag) {
    case "StorageUnavailable":
    case "SessionBusy":
      return { ...unavailable(describe(fault)), details: { code: codeOf(_tag), ...facts } }
    case "LimitReached":
      // Runs end by themselves; of anything else somebody must remove some.
      return facts["limit"] === "queuedRuns"
        ? { ...unavailable(describe(fault)), details: { code: codeOf(_tag), ...facts } }
        : invalid(describe(fault), { code: codeOf(_tag), ...facts })
    case "ShuttingDown":
      return stopping(method)
    default:
      return invalid(describe(fault), { code: codeOf(_tag), ...facts })
  }
}

export const ofFault = (era: Flavor, method: string, fault: Fault): ErrorShape => {
  switch (fault._tag) {
    case "UnknownMethod":
      return invalid(`unknown method: ${fault.method}`)
    case "InvalidParams":
      return invalid(`invalid ${method} params: ${fault.issue}`)
    case "DuplicateId":
      return invalid("a request with this id is in flight")
    case "Denied":
      return fault.refusal._tag === "Forbidden"
        ? missingScope(era, fault.refusal["missingScope"])
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
