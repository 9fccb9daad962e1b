/** JSON-RPC 2.0 on its own path. */
import { closes, type ContractDriver, type FaultName, type Received } from "../Driver.ts"

interface Message {
  readonly id?: number | null
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly data?: { readonly _tag: string } }
  readonly method?: string
  readonly params?: { readonly id?: number; readonly item: { readonly _tag: string; readonly seq: number } }
}

const faults: Record<number, FaultName> = {
  [-32700]: "malformed",
  [-32600]: "malformed",
  [-32601]: "unknown-method",
  [-32602]: "invalid-params",
  [-32603]: "internal",
  [-32000]: "domain",
  [-32001]: "unauthenticated",
  [-32029]: "rate-limited",
  [-32800]: "interrupted",
}

const eventOf = ({ _tag, seq }: { readonly _tag: string; readonly seq: number }): Received =>
  _tag === "Event" ? { _tag: "Event", seq } : { _tag: _tag === "CaughtUp" ? "CaughtUp" : "Other" }

const received = ({ error, id, method, params, result }: Message): Received => {
  if (method === "$/item" && params !== undefined) {
    return params.id === undefined ? eventOf(params.item) : { _tag: "Item", id: params.id, value: params.item }
  }
  if (error !== undefined) {
    const fault = error.data?._tag === "DuplicateId" ? "duplicate-id" : faults[error.code]!
    return { _tag: "Fault", id: id ?? undefined, fault }
  }
  return result === undefined ? { _tag: "Other" } : { _tag: "Answer", id: id ?? undefined, value: result }
}

const call = (id: number, method: string, params: unknown): string =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params })

export const jsonRpc: ContractDriver = {
  name: "json-rpc",
  path: "/jsonrpc",
  closes,
  decode: (frame) => [received(JSON.parse(frame))],
  ping: (id) => call(id, "ping", {}),
  unknown: (id) => call(id, "no.such.method", {}),
  malformed: '{"jsonrpc":"2.0","id":1',
  authenticate: (id, token) => call(id, "authenticate", { token }),
  wrongToken: "answered",
  subscribe: (id, from) => call(id, "events.subscribe", { topics: ["sessions", "chat"], from }),
  contract: {
    call: (id, method, params) => call(id, `gateway.${method}`, params),
    cancel: (id) => JSON.stringify({ jsonrpc: "2.0", method: "$/cancel", params: { id } }),
  },
}
