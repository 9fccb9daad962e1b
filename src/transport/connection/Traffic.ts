/**
 * Traffic: the frames and bytes of WebSockets. Each ConnectionActor counts its own, and ConnectionSupervisor.ts adds them
 * up by dialect.
 */
export interface Traffic {
  readonly receivedFrames: number
  readonly receivedBytes: number
  readonly sentFrames: number
  readonly sentBytes: number
}

const none: Traffic = { receivedFrames: 0, receivedBytes: 0, sentFrames: 0, sentBytes: 0 }

/** Adds the traffic to that of the dialect. */
export const addTo = (dialects: Map<string, Traffic>, dialect: string, traffic: Traffic): void => {
  const before = dialects.get(dialect) ?? none
  dialects.set(dialect, {
    receivedFrames: before.receivedFrames + traffic.receivedFrames,
    receivedBytes: before.receivedBytes + traffic.receivedBytes,
    sentFrames: before.sentFrames + traffic.sentFrames,
    sentBytes: before.sentBytes + traffic.sentBytes,
  })
}
