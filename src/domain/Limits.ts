/**
 * The table of limits: what one client, one address or one gateway may use. Configuration, with these defaults.
 * Sizes that are part of the protocol are in Bounds.ts.
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
    "WebSockets at once; one more is refused with 503. Clients that have not authenticated take half of them at most.",
  ),
  tcpPerAddress: limit(
    1_024,
    "TCP connections at once from one address (of IPv6: one /64 network) that have not authenticated; one more is closed. Trusted proxies are not counted.",
  ),
  unauthenticatedPerAddress: limit(
    32,
    "WebSockets at once from one address (of IPv6: one /64 network) that have not authenticated; one more is refused with 429.",
  ),
  handshakeTimeoutMs: limit(10_000, "Time to prove who one is. Longer helps slow networks, shorter frees sockets."),
  preAuthFrameBytes: limit(65_536, "Largest frame before authentication. A larger one closes the connection (1009)."),
  preAuthFrames: limit(
    64,
    "Frames, pings among them, before authentication. One more closes the connection (1008): strangers have little to say.",
  ),
  frameBytes: limit(4_194_304, "Largest frame after authentication. A larger one closes the connection (1009)."),
  frameDepth: limit(64, "Deepest nesting of a frame's JSON."),
  inboundFrames: limit(
    64,
    "Frames of one connection that wait to be handled. When nearly full its socket is not read: TCP holds the rest.",
  ),
  messagesPerSecond: limit(
    100_000,
    "Messages a second from one connection, with as many as a burst; above, calls answer RateLimited. A backstop: sharing the processor fairly is the work of the inbound queue. Lower it where clients are strangers.",
  ),
  callsInFlight: limit(1_024, "Calls of one connection that have not been answered; one more answers RateLimited."),
  principalCalls: limit(
    16_384,
    "Calls of one principal that have not been answered, over all its connections; one more answers RateLimited. All clients with the shared token are one principal, each paired device is another.",
  ),
  principalSubscriptions: limit(
    16_384,
    "Subscriptions of one principal by `events.subscribe`, over all its connections; one more answers RateLimited.",
  ),
  principalRequests: limit(128, "HTTP requests of one principal in progress; one more is refused with 429."),
  principalBytes: limit(
    134_217_728,
    "Bytes in flight of one principal: requests that are not answered, and answers that its clients have not taken. Above, calls and large answers become RateLimited (429 over HTTP). More costs as much memory.",
  ),
  outboxBytes: limit(
    4_194_304,
    "Bytes accepted for a client and not yet taken by its socket. Above half of it, its next calls wait, for two heartbeats at most; above, it is closed as a slow consumer (4008) with the position to resume from.",
  ),
  outboxFrames: limit(16_384, "Frames accepted for a client and not yet taken by its socket; as outboxBytes."),
  heartbeatMs: limit(30_000, "How often a silent client is pinged; silent for two such times it is closed (4009)."),
  authFailures: limit(10, "Wrong tokens from one address (of IPv6: one /64 network) before it is locked out."),
  lockoutMs: limit(60_000, "How long an address is locked out, and how long a wrong token is remembered."),
  authFailureDelayMs: limit(
    250,
    "How long the answer to a wrong token is held back, times the failures so far, 2 s at most.",
  ),
  sessions: limit(100_000, "Sessions that there may be. Each costs memory; one more is refused with LimitReached."),
  queuedRuns: limit(
    10_000,
    "Runs of all sessions that have been accepted and have not begun; one more is refused with LimitReached.",
  ),
  agents: limit(1_000, "Agents beside `main` that there may be; one more is refused with LimitReached."),
  bindings: limit(10_000, "Bindings that there may be; one more is refused with LimitReached."),
  documents: limit(10_000, "Documents of the memory folder; writing one more is refused with LimitReached."),
})
export type Limits = typeof Limits.Type

export const defaultLimits: Limits = Schema.decodeSync(Limits)({})

/** What many small calls can make, and is therefore bounded: what it is called, and what to do where it is too much. */
const bounded = {
  sessions: ["sessions", "delete some"],
  queuedRuns: ["runs that wait", "try again when some have ended"],
  agents: ["agents", "delete some"],
  bindings: ["bindings", "remove some"],
  documents: ["documents in the memory folder", "remove some"],
} as const satisfies { readonly [Name in keyof Limits]?: readonly [things: string, remedy: string] }

/** The gateway holds as many as the limit of that name says. Nothing was changed. */
export class LimitReached extends Schema.TaggedError<LimitReached>()("LimitReached", {
  limit: Schema.Literals(["sessions", "queuedRuns", "agents", "bindings", "documents"]),
  max: Schema.Int,
  /** What the problem is and what to do. */
  message: Schema.String,
}) {
  static readonly of = (limit: keyof typeof bounded, max: number): LimitReached => {
    const [things, remedy] = bounded[limit]
    return new LimitReached({
      limit,
      max,
      message: `the gateway holds ${max} ${things} at most: ${remedy}, or raise limits.${limit}`,
    })
  }
}
