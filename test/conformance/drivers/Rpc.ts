/** The contract's own wire, as a client without Effect would speak it. */
import type { ContractDriver, FaultName, Said } from "../Driver.ts"

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

/** Ids of subscriptions, whose values are what happens, and not those of a call. */
const SUBSCRIPTIONS = 1_000_000

const said = ({ _tag, defect, exit, requestId: id, values }: Message): ReadonlyArray<Said> => {
  switch (_tag) {
    case "Exit":
      return exit._tag === "Success"
        ? [{ _tag: "Answer", id, value: exit.value }]
        : [{ _tag: "Fault", id, fault: faultOf(exit.cause[0]!) }]
    case "Chunk":
      return values.map((value) => {
        if (id < SUBSCRIPTIONS) return { _tag: "Item", id, value }
        if (value._tag === "Event") return { _tag: "Told", seq: value.seq }
        return { _tag: value._tag === "CaughtUp" ? "Present" : "Other" }
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
  read: (frame) => said(JSON.parse(frame)),
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
