/**
 * Problems: describes faults in the error texts that Mission Control clients show to people. MissionControl.ts and
 * Routes.ts use it.
 */
import type { Fault } from "../dialect/Fault.ts"

const ofDocument = (tag: string): string => {
  switch (tag) {
    case "DocumentExists":
      return "File already exists"
    case "LimitReached":
      return "Too many files"
    default:
      return "File could not be written"
  }
}

/** Describes a failure of the method itself. */
const ofMethod = (method: string, fault: Fault): string => {
  switch (method) {
    case "session_history":
      return "Failed to get session history"
    case "write_file":
    case "create_file":
      return ofDocument(fault._tag === "Domain" ? fault.error._tag : "")
    default:
      return `Failed to get ${method}`
  }
}

/** Returns the error text for a fault of a method. */
export const problemOf = (method: string, fault: Fault): string => {
  switch (fault._tag) {
    case "Denied":
      return fault.refusal._tag === "Unauthenticated"
        ? "Not authenticated"
        : `Not allowed without ${String(fault.refusal["missingScope"])}`
    case "Limited":
      return `Too many messages, try again in ${fault.retryAfterMs} ms`
    case "Internal":
      return "Internal error"
    default:
      return ofMethod(method, fault)
  }
}
