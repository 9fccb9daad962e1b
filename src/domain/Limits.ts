/**
 * Limits: the limits of one client, one address and the whole gateway, with their defaults. They are configuration. The
 * sizes that are part of the protocol are in Bounds.ts.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const limit = (value: number, description: string) =>
  Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)))
    .annotateKey({ description, default: value })

export const Limits = Schema.Struct({
  connections: limit(
    10_000,
    "WebSockets at once. Further ones get 503. Clients that have not authenticated may use half of them. Each connection costs memory.",
  ),
  tcpPerAddress: limit(
    1_024,
    "TCP connections without authentication from one address (IPv6: one /64 network). The gateway closes further ones. Trusted proxies do not count.",
  ),
  unauthenticatedPerAddress: limit(
    32,
    "WebSockets without authentication from one address (IPv6: one /64 network). Further ones get 429.",
  ),
  handshakeTimeoutMs: limit(
    10_000,
    "Time that a client has to authenticate. A longer time helps slow networks, a shorter one frees sockets earlier.",
  ),
  requestTimeoutMs: limit(
    60_000,
    "Time in which an HTTP request must arrive with its whole body, at least `handshakeTimeoutMs`. A slower one gets 408. A longer time helps large files on slow networks, a shorter one frees sockets earlier.",
  ),
  preAuthFrameBytes: limit(65_536, "Largest frame before authentication. A larger frame closes the connection (1009)."),
  preAuthFrames: limit(64, "Frames before authentication, including pings. Further ones close the connection (1008)."),
  frameBytes: limit(
    29_360_128,
    "Largest frame after authentication, and largest body over HTTP. A larger frame closes the connection (1009). An attachment has to fit into it in base64, which adds a third. Frames on their way count towards principalBytes.",
  ),
  frameDepth: limit(64, "Deepest nesting of JSON in a frame."),
  inboundFrames: limit(
    64,
    "Received frames that wait in one connection. When the queue is nearly full, the gateway stops reading the socket, and TCP slows the client down.",
  ),
  messagesPerSecond: limit(
    100_000,
    "Messages per second from one connection, and the size of a burst. Further calls get RateLimited. It is a backstop: the inbound queue already shares the processor fairly. Lower it if you do not trust your clients.",
  ),
  callsInFlight: limit(1_024, "Unanswered calls of one connection. Further calls get RateLimited."),
  principalCalls: limit(
    16_384,
    "Unanswered calls of one principal over all its connections. Further calls get RateLimited. All clients with the shared token are one principal; each paired device is its own.",
  ),
  principalSubscriptions: limit(
    16_384,
    "Subscriptions of one principal by `events.subscribe` over all its connections. Further ones get RateLimited.",
  ),
  principalRequests: limit(128, "HTTP requests of one principal in progress. Further ones get 429."),
  principalBytes: limit(
    134_217_728,
    "Bytes in flight of one principal: unanswered requests, and answers that its clients have not taken. Further calls and large answers get RateLimited (429 over HTTP). A higher limit costs as much memory.",
  ),
  outboxBytes: limit(
    4_194_304,
    "Bytes in the outbox of one client. Above half, new calls wait (two heartbeats at most). Above all of it, the gateway closes the client as a slow consumer (4008), with the position to resume from.",
  ),
  outboxFrames: limit(16_384, "Frames in the outbox of one client, with the same rules as outboxBytes."),
  heartbeatMs: limit(
    30_000,
    "Silence after which the gateway pings a client. After twice this time it closes the client (4009).",
  ),
  authFailures: limit(
    10,
    "Wrong credentials of one kind (token or password) from one address (IPv6: one /64 network) before the gateway locks it out for that kind. A lockout applies to the password and to tokens under 32 characters. It never refuses a correct longer token or a device's own token.",
  ),
  lockoutMs: limit(60_000, "How long a lockout lasts, and how long the gateway remembers a wrong credential."),
  authFailureDelayMs: limit(
    250,
    "Delay of the answer to a wrong credential, multiplied by the failures so far, 2 s at most.",
  ),
  sessions: limit(100_000, "Sessions in total. Each costs memory. Creating more fails with LimitReached."),
  queuedRuns: limit(10_000, "Runs of all sessions that wait to start. Sending more fails with LimitReached."),
  agents: limit(1_000, "Agents in total, not counting `main`. Creating more fails with LimitReached."),
  bindings: limit(10_000, "Bindings in total. Creating more fails with LimitReached."),
  documents: limit(10_000, "Documents in the memory folder. Creating more fails with LimitReached."),
  approvals: limit(1_000, "Calls of tools that wait for a decision. Further calls that need one fail."),
  questions: limit(1_000, "Questions that wait for an answer. Further ones fail."),
})
export type Limits = typeof Limits.Type

export const defaultLimits: Limits = Schema.decodeSync(Limits)({})
