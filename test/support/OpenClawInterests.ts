/**
 * Generates interests of OpenClaw's clients: schemas of the facts of a handshake and of subscriptions, for property tests.
 */
import * as Schema from "effect/Schema"
import { apply, type Interests, interestsOf } from "../../src/transport/openclaw/events/Interests.ts"

export const Client = Schema.Struct({
  protocol: Schema.Literals([3, 4]),
  clientId: Schema.Literals(["cli", "openclaw-control-ui", "openclaw-tui", "control-center"]),
  caps: Schema.Array(Schema.Literals(["tool-events", "session-scoped-events"])),
  readsParams: Schema.Boolean,
  mayRead: Schema.Boolean,
})

export const Subscription = Schema.Struct({
  method: Schema.Literals([
    "sessions.subscribe",
    "sessions.unsubscribe",
    "sessions.messages.subscribe",
    "sessions.messages.unsubscribe",
    "agents.list",
  ]),
  key: Schema.Literals(["agent:main:main", "work", "play"]),
  withApprovals: Schema.Boolean,
})

/** Returns the interests of a client after its subscriptions. */
export const interestsAfter = (
  client: typeof Client.Type,
  subscriptions: ReadonlyArray<typeof Subscription.Type>,
): Interests =>
  subscriptions.reduce(
    (interests, { key, method, withApprovals }) =>
      apply(interests, method, withApprovals ? { key, approvalReplay: {} } : { key }),
    interestsOf(client),
  )
