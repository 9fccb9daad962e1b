/** OpenClaw, protocol 4: the first frame is `connect`, which authenticates and may resume. */
import type { Position } from "../../../src/domain/Event.ts"
import type { Driver, FaultName, Received } from "../Driver.ts"

interface Message {
  readonly type: "event" | "res"
  readonly id: string
  readonly ok?: boolean
  readonly payload?: unknown
  readonly error?: { readonly code: string; readonly message: string }
  readonly event?: string
  /** In events, for clients that resume: the position after the event. */
  readonly position?: number
}

const beginnings: ReadonlyArray<readonly [beginning: string, fault: FaultName]> = [
  ["unknown method", "unknown-method"],
  ["invalid request frame", "malformed"],
  ["invalid handshake", "unauthenticated"],
  ["unauthorized", "unauthenticated"],
  ["The server is busy", "rate-limited"],
  ["a request with this id is in flight", "duplicate-id"],
  ["request cancelled", "interrupted"],
  ["internal error", "internal"],
]

const faultOf = (message: string): FaultName => {
  if (/^invalid \S+ params/.test(message)) return "invalid-params"
  return beginnings.find(([beginning]) => message.startsWith(beginning))?.[1] ?? "domain"
}

/** Kept events of sessions. Other events, such as `presence`, are live. */
const kept = new Set(["session.message", "sessions.changed"])

/** The ids of subscriptions start here. The answer to one means that later events are live. */
const SUBSCRIPTIONS = 1_000_000

const received = ({ error, event, id: text, ok, payload, position, type }: Message): Received => {
  if (type === "event") {
    return position !== undefined && kept.has(event ?? "") ? { _tag: "Event", seq: position } : { _tag: "Other" }
  }
  const id = Number(text) || undefined
  if (ok !== true) return { _tag: "Fault", id, fault: faultOf(error?.message ?? "") }
  return id !== undefined && id >= SUBSCRIPTIONS ? { _tag: "CaughtUp" } : { _tag: "Answer", id, value: payload }
}

const request = (id: number, method: string, params: object = {}): string =>
  JSON.stringify({ type: "req", id: String(id), method, params })

const connect = (id: number, token: string, resume?: Position): string =>
  request(id, "connect", {
    minProtocol: 4,
    maxProtocol: 4,
    client: { id: "gateway-client", version: "1", platform: "linux", mode: "backend" },
    role: "operator",
    scopes: ["operator.admin"],
    caps: [],
    auth: { token },
    resume: resume === undefined ? true : { ...resume, sessions: true },
  })

export const openClaw: Driver = {
  name: "openclaw",
  path: "/",
  closes: {
    handshakeTimeout: { code: 1008, reason: "handshake timeout" },
    slowConsumer: { code: 1008, reason: "slow consumer" },
    restart: { code: 1012, reason: "service restart" },
  },
  decode: (frame) => [received(JSON.parse(frame))],
  handshake: connect,
  ping: (id) => request(id, "ping"),
  unknown: (id) => request(id, "no.such.method"),
  malformed: '{"type":"req","id":"1"}',
  ignoresBrokenJson: true,
  acceptsBinary: true,
  authenticate: connect,
  wrongToken: "closed",
  subscribe: (id) => request(SUBSCRIPTIONS + id, "sessions.subscribe"),
}
