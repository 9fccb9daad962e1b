/**
 * SocketProblem: says why a WebSocket ended or could not be opened. ClientConnection and the OpenClaw client use it.
 */
import * as Predicate from "effect/Predicate"
import * as Socket from "effect/socket/Socket"

/** Returns why a connection ended, for people. */
export const reasonOf = (error: unknown): string => {
  if (!Socket.isSocketError(error)) return "the connection failed"
  const reason = error.reason
  if (reason._tag === "SocketCloseError")
    return `closed ${reason.code}${reason.closeReason ? ` ${reason.closeReason}` : ""}`
  return reason._tag === "SocketOpenError" ? "the gateway cannot be reached" : "the connection broke"
}

/** Returns the error code, or else the message, if the socket could not be opened. */
export const openCode = (error: unknown): string | undefined => {
  if (!Socket.isSocketError(error) || error.reason._tag !== "SocketOpenError") return undefined
  if (error.reason.kind === "Timeout") return "ETIMEDOUT"
  const event: unknown = error.reason.cause
  const why = Predicate.hasProperty(event, "error") ? event.error : event
  if (!(why instanceof Error)) return undefined
  return "code" in why && typeof why.code === "string" ? why.code : why.message || undefined
}
