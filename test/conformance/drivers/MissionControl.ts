/** Mission Control: no ids, so what is said next is said to what was asked last; sessions as a channel. */
import type { Driver, FaultName, Said } from "../Driver.ts"

interface Message {
  readonly type: string
  readonly payload: { readonly message: string }
  readonly position?: { readonly seq: number }
}

const faultOf = (message: string): FaultName => {
  if (message === "Not authenticated") return "unauthenticated"
  if (message === "Invalid message format") return "malformed"
  return message.startsWith("Unknown message type") ? "unknown-method" : "rate-limited"
}

const said = (message: Message): Said => {
  switch (message.type) {
    case "error":
      return { _tag: "Fault", id: undefined, fault: faultOf(message.payload.message) }
    case "status":
      return { _tag: "Answer", id: undefined, value: message.payload }
    case "session_open":
    case "session_update":
    case "session_close":
      return { _tag: "Told", seq: message.position!.seq }
    case "subscribed":
    case "resumed":
      return { _tag: message.position === undefined ? "Other" : "Present" }
    default:
      return { _tag: "Other" }
  }
}

export const missionControl: Driver = {
  name: "mission-control",
  path: "/ws/mission-control",
  read: (frame) => [said(JSON.parse(frame))],
  ping: () => JSON.stringify({ type: "request", resource: "status" }),
  unknown: () => JSON.stringify({ type: "no-such-type" }),
  malformed: '{"type":"ping"',
  authenticate: (_id, token) => JSON.stringify({ type: "authenticate", token }),
  wrongToken: "closed",
  subscribe: (_id, after) => JSON.stringify({ type: "subscribe", channels: ["sessions"], after }),
}
