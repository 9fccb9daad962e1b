/** The frames of JSON-RPC 2.0. */
import { bearer, MESSAGE_ADDED } from "./Rpc.ts"
import type { Wire } from "./Wire.ts"

const request = (id: number, method: string, params: unknown): string =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params })

export const jsonRpc = (token: string): Wire => ({
  upgrade: { path: "/jsonrpc", headers: bearer(token) },
  call: { say: (id) => request(id, "ping", {}), mark: `"at":` },
  follow: { say: (id) => request(id, "events.subscribe", { topics: ["chat"] }), mark: `"CaughtUp"` },
  event: MESSAGE_ADDED,
})
