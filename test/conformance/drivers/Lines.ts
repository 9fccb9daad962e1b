/** The dialect of the tests, mounted beside the dialects of the gateway. */
import * as Layer from "effect/Layer"
import * as Gateway from "../../../src/Gateway.ts"
import { DialectServer } from "../../../src/transport/kernel/DialectServer.ts"
import { ContractCalls } from "../../../src/transport/kernel/ContractCalls.ts"
import { lines as dialect } from "../../support/LinesDialect.ts"
import { closes, type ContractDriver, type FaultName, type Received } from "../Driver.ts"

const wire = DialectServer.mount("/lines", dialect).pipe(
  Layer.provide(DialectServer.layer),
  Layer.provide(ContractCalls.layer),
)

const faults: Record<string, FaultName> = {
  Unreadable: "malformed",
  UnknownMethod: "unknown-method",
  InvalidParams: "invalid-params",
  DuplicateId: "duplicate-id",
  Denied: "unauthenticated",
  Limited: "rate-limited",
  Domain: "domain",
  Interrupted: "interrupted",
  Internal: "internal",
}

const received = (frame: string): Received => {
  const [, digits, kind = "", json = ""] = /^(\d+) (\S+) (.+)$/.exec(frame) ?? []
  const id = Number(digits) || undefined
  const value: { readonly _tag: string; readonly seq: number } = JSON.parse(json)
  switch (kind) {
    case "ok":
      return { _tag: "Answer", id, value }
    case "item":
      return { _tag: "Item", id: id ?? 0, value }
    case "event":
      return value._tag === "Event"
        ? { _tag: "Event", seq: value.seq }
        : { _tag: value._tag === "CaughtUp" ? "CaughtUp" : "Other" }
    default:
      return { _tag: "Fault", id, fault: faults[kind]! }
  }
}

const call = (id: number, method: string, params: unknown): string => `${id} ${method} ${JSON.stringify(params)}`

export const lines: ContractDriver = {
  name: "lines",
  path: "/lines",
  gateway: { routes: Layer.mergeAll(Gateway.parts.routes, wire) },
  closes,
  decode: (frame) => [received(frame)],
  ping: (id) => call(id, "ping", {}),
  unknown: (id) => call(id, "no.such.method", {}),
  malformed: "1 ping {",
  authenticate: (id, token) => call(id, "token", token),
  wrongToken: "answered",
  subscribe: (id, from) => call(id, "events.subscribe", { topics: ["sessions", "chat"], from }),
  contract: {
    call,
    cancel: (id) => call(id, "cancel", null),
  },
}
