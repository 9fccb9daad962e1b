/** The frames of the servers that are no gateway. */
import { frame } from "../Line.ts"
import { chunk, MESSAGE_ADDED, request } from "./Rpc.ts"
import type { Wire } from "./Wire.ts"

/** An echo of the frames of /rpc, for servers that only echo and publish. */
export const echo: Wire = {
  upgrade: { path: "/" },
  call: { say: (id) => request(id, "ping", {}), mark: `"ping"` },
  follow: { upgrade: { path: "/follow" } },
  event: MESSAGE_ADDED,
  chunk: { ...chunk, mark: MESSAGE_ADDED },
}

export const socketIo: Wire = {
  upgrade: { path: "/socket.io/?EIO=4&transport=websocket" },
  greet: (line) => line.exchange(frame("40"), "40{", 1),
  call: { say: (id) => `42${id}["ping",{}]`, mark: `"at":` },
  follow: { say: (id) => `42${id}["follow"]`, mark: "[{}]" },
  event: MESSAGE_ADDED,
  chunk: { mark: MESSAGE_ADDED, acknowledge: () => `42["ack"]` },
}
