/** The messages of Mission Control. Its clients get the changed session of an added message. */
import { bearer } from "./Rpc.ts"
import type { Wire } from "./Wire.ts"

export const missionControl = (token: string): Wire => ({
  upgrade: { path: "/ws/mission-control", headers: bearer(token) },
  greet: (line) => line.find(/"type":"connected"/).then(() => {}),
  call: { say: () => JSON.stringify({ type: "ping" }), mark: `"pong"` },
  follow: { say: () => JSON.stringify({ type: "subscribe", channels: ["sessions"] }), mark: `"type":"sessions"` },
  event: `"session_update"`,
})
