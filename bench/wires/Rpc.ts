/** The frames of effect/rpc's JSON protocol, for the gateway and for stock effect/rpc. */
import type { Wire } from "./Wire.ts"

/** Each event of an added message contains this text once, as JSON of the contract. */
export const MESSAGE_ADDED = `"MessageAdded"`

export const request = (id: number, tag: string, payload: unknown): string =>
  JSON.stringify({ _tag: "Request", id, tag, payload, headers: [] })

export const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

export const chunk: NonNullable<Wire["chunk"]> = {
  mark: `{"_tag":"Chunk"`,
  acknowledge: (requestId) => JSON.stringify({ _tag: "Ack", requestId }),
}

export const rpc = (token?: string): Wire => ({
  upgrade: { path: "/rpc", ...(token !== undefined && { headers: bearer(token) }) },
  call: { say: (id) => request(id, "ping", {}), mark: `"at":` },
  follow: { say: (id) => request(id, "events.subscribe", { topics: ["chat"] }), mark: `"CaughtUp"` },
  event: MESSAGE_ADDED,
  chunk,
})
