/** Server-sent events: a response that lasts. */
import type { Upgrade } from "../Line.ts"
import { bearer, MESSAGE_ADDED } from "./Rpc.ts"
import type { Wire } from "./Wire.ts"

export const sse = (token: string): Wire => {
  const upgrade: Upgrade = {
    path: "/events?topics=chat",
    headers: { ...bearer(token), Accept: "text/event-stream" },
    status: 200,
  }
  return { upgrade, call: undefined, follow: { upgrade }, event: MESSAGE_ADDED }
}
