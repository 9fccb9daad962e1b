/** Mission Control: messages have no ids, so a reply belongs to the last request. Sessions are a channel. */
import { closes, type Driver, type FaultName, type Received } from "../Driver.ts"

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

const received = (message: Message): Received => {
  switch (message.type) {
    case "error":
      return { _tag: "Fault", id: undefined, fault: faultOf(message.payload.message) }
    case "status":
      return { _tag: "Answer", id: undefined, value: message.payload }
    case "session_open":
    case "session_update":
    case "session_close":
      return { _tag: "Event", seq: message.position!.seq }
    case "subscribed":
    case "resumed":
      return { _tag: message.position === undefined ? "Other" : "CaughtUp" }
    default:
      return { _tag: "Other" }
  }
}

export const missionControl: Driver = {
  name: "mission-control",
  path: "/ws/mission-control",
  closes,
  decode: (frame) => [received(JSON.parse(frame))],
  ping: () => JSON.stringify({ type: "request", resource: "status" }),
  unknown: () => JSON.stringify({ type: "no-such-type" }),
  malformed: '{"type":"ping"',
  authenticate: (_id, token) => JSON.stringify({ type: "authenticate", token }),
  wrongToken: "closed",
  subscribe: (_id, after) => JSON.stringify({ type: "subscribe", channels: ["sessions"], after }),
}
