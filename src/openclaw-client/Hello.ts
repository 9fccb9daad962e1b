/**
 * Hello: reads the two messages with which a gateway begins a connection, `connect.challenge` and hello-ok. It requires
 * the members that the client needs and no others. Conversation.ts uses it.
 */
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Position } from "../domain/Event.ts"
import { optional } from "./Openly.ts"

const Texts = Schema.Array(Schema.String)

const Challenge = Schema.Struct({
  nonce: Schema.String,
  /** The gateway's clock in epoch milliseconds. */
  ts: optional(Schema.Finite),
  capabilities: optional(Texts),
})
export type Challenge = typeof Challenge.Type

/** hello-ok: what the gateway is, what it offers, and the rights of this client. */
export const Hello = Schema.Struct({
  protocol: Schema.Literals([3, 4]),
  server: Schema.Struct({ version: Schema.String, connId: Schema.String }),
  features: Schema.Struct({ methods: Texts, events: Texts, capabilities: optional(Texts) }),
  auth: optional(
    Schema.Struct({
      role: optional(Schema.String),
      scopes: optional(Texts),
    }),
  ),
  policy: optional(Schema.Struct({ maxPayload: optional(Schema.Finite), tickIntervalMs: optional(Schema.Finite) })),
  snapshot: Schema.optional(Schema.Unknown),
  /** Additions of Causeway: the client's place in the log of events, and whether the gateway sends the missed events. */
  position: optional(Position),
  resume: optional(Schema.Struct({ resumed: Schema.Boolean, reason: optional(Schema.String) })),
})
export type Hello = typeof Hello.Type

/** Returns the challenge, or `undefined` if it has no nonce. */
export const readChallenge = (payload: unknown): Challenge | undefined =>
  Option.getOrUndefined(Schema.decodeUnknownOption(Challenge)(payload))

const decodeHello = Schema.decodeUnknownOption(Hello)
const decodeIssued = Schema.decodeUnknownOption(
  Schema.Struct({ auth: Schema.Struct({ deviceToken: Schema.String.check(Schema.isNonEmpty()) }) }),
)

/**
 * Returns hello-ok and the device token in it, which hello-ok itself no longer contains. Returns `undefined` if a needed
 * member is missing or the protocol is neither 3 nor 4.
 */
export const readHello = (payload: unknown) => {
  const hello = Option.getOrUndefined(decodeHello(payload))
  if (hello === undefined) return undefined
  const issued = Option.getOrUndefined(decodeIssued(payload))
  return { hello, deviceToken: issued === undefined ? undefined : Redacted.make(issued.auth.deviceToken) }
}
