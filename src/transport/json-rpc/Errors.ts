/**
 * Errors: encodes faults as JSON-RPC errors. The codes are those of the specification, and our own in the ranges that
 * it leaves to servers. `data` carries the tagged fault for programs. JsonRpc.ts and OpenRpc.ts use it.
 */
import type { Fault } from "../dialect/Fault.ts"
import { describe, taggedOf } from "../dialect/Faults.ts"
import type { JsonRpcError } from "./Envelope.ts"

export const codes = {
  parseError: -32700,
  invalidRequest: -32600,
  unknownMethod: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** The method's own error. */
  failed: -32000,
  unauthenticated: -32001,
  forbidden: -32003,
  rateLimited: -32029,
  /** The code of the Language Server Protocol for a cancelled request. */
  cancelled: -32800,
} as const

export const parseError: JsonRpcError = { code: codes.parseError, message: "Parse error" }

export const invalidRequest = (issue: string): JsonRpcError => ({
  code: codes.invalidRequest,
  message: "Invalid Request",
  data: { _tag: "InvalidRequest", issue },
})

export const internal: JsonRpcError = { code: codes.internal, message: "Internal error" }

const codeOf = (fault: Fault): number => {
  switch (fault._tag) {
    case "UnknownMethod":
      return codes.unknownMethod
    case "InvalidParams":
      return codes.invalidParams
    case "DuplicateId":
      return codes.invalidRequest
    case "Denied":
      return fault.refusal._tag === "Forbidden" ? codes.forbidden : codes.unauthenticated
    case "Limited":
      return codes.rateLimited
    case "Domain":
      return codes.failed
    case "Interrupted":
      return codes.cancelled
    case "Internal":
      return codes.internal
  }
}

/** Returns the JSON-RPC error for a fault. */
export const ofFault = (fault: Fault): JsonRpcError => ({
  code: codeOf(fault),
  message: describe(fault),
  ...(fault._tag !== "Internal" && { data: taggedOf(fault) }),
})
