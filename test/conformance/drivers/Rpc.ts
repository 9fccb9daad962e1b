/** The contract's own wire, as a client without Effect speaks it. */
import { closes, type ContractDriver, type FaultName, type Received } from "../Driver.ts"

type Failure = { readonly _tag: string; readonly error?: { readonly _tag: string }; readonly defect?: string }

interface Message {
  readonly _tag: string
  readonly requestId: number
  readonly values: ReadonlyArray<{ readonly _tag: string; readonly seq: number }>
  readonly exit: { readonly _tag: string; readonly value: unknown; readonly cause: ReadonlyArray<Failure> }
  readonly defect: string
}

const faultOf = ({ _tag, defect = "", error }: Failure): FaultName => {
  if (_tag === "Interrupt") return "interrupted"
  if (_tag === "Fail") {
    if (error?._tag === "Unauthenticated") return "unauthenticated"
    return error?._tag === "RateLimited" ? "rate-limited" : "domain"
  }
  if (defect.startsWith("Unknown request tag")) return "unknown-method"
  return defect === "internal error" ? "internal" : "invalid-params"
}

/** The ids of subscriptions start here. The values of a subscription are events. */
const SUBSCRIPTIONS = 1_000_000

const received = ({ _tag, defect, exit, requestId: id, values }: Message): ReadonlyArray<Received> => {
  switch (_tag) {
    case "Exit":
      return exit._tag === "Success"
        ? [{ _tag: "Answer", id, value: exit.value }]
        : [{ _tag: "Fault", id, fault: faultOf(exit.cause[0]!) }]
    case "Chunk":
      return values.map((value) => {
        if (id < SUBSCRIPTIONS) return { _tag: "Item", id, value }
        if (value._tag === "Event") return { _tag: "Event", seq: value.seq }
        return { _tag: value._tag === "CaughtUp" ? "CaughtUp" : "Other" }
      })
    case "Defect":
      return [{ _tag: "Fault", id: undefined, fault: defect.endsWith("in flight") ? "duplicate-id" : "malformed" }]
    default:
      return []
  }
}

const call = (id: number, tag: string, payload: unknown): string =>
  JSON.stringify({ _tag: "Request", id, tag, payload, headers: [] })

export const rpc: ContractDriver = {
  name: "rpc",
  path: "/rpc",
  closes,
  decode: (frame) => received(JSON.parse(frame)),
  acknowledge: (frame) => {
    const { _tag, requestId }: Message = JSON.parse(frame)
    return _tag === "Chunk" ? JSON.stringify({ _tag: "Ack", requestId }) : undefined
  },
  ping: (id) => call(id, "ping", {}),
  unknown: (id) => call(id, "no.such.method", {}),
  malformed: '{"_tag":"Request","id":1',
  authenticate: (id, token) => call(id, "authenticate", { token }),
  wrongToken: "closed",
  subscribe: (id, from) => call(SUBSCRIPTIONS + id, "events.subscribe", { topics: ["sessions", "chat"], from }),
  contract: {
    call,
    cancel: (id) => JSON.stringify({ _tag: "Interrupt", requestId: id }),
  },
}
