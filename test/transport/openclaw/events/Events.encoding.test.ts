/** Events: the encoding of generated events for generated interests. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { GatewayEvent } from "../../../../src/domain/Event.ts"
import type { EventFrame } from "../../../../src/transport/dialect/Dialect.ts"
import { Contract, type Query } from "../../../../src/transport/dialect/Query.ts"
import { encode } from "../../../../src/transport/openclaw/events/Events.ts"
import { expectValid } from "../../../support/OpenClaw.ts"
import { Client, interestsAfter, Subscription } from "../../../support/OpenClawInterests.ts"

/** Runs a query whose calls return empty lists. */
const framesOf = (query: Query<ReadonlyArray<EventFrame>>): ReadonlyArray<EventFrame> =>
  Effect.runSync(
    Effect.provideService(
      query,
      Contract,
      Contract.calling(() => Effect.succeed({ agents: [], defaultId: "main", models: [], runs: [] })),
    ),
  )

/** Replaces empty ids, which the contract's schema of an event allows and the published schema does not. */
const withIds = (payload: any) => ({
  ...payload,
  runId: payload.runId || "r",
  sessionKey: payload.sessionKey || "s",
  agentId: payload.agentId || "a",
})

describe("Events", () => {
  it.prop(
    "Every event becomes frames that every client can read.",
    [GatewayEvent, Client, Schema.Array(Subscription)],
    ([event, client, subscriptions]) => {
      const interests = interestsAfter(client, subscriptions)
      for (const one of framesOf(encode(interests, { _tag: "Event", seq: 7, at: 1, event }))) {
        if (one.policy === "snapshot") continue
        // The number is blank until a connection sends the frame.
        const frame = JSON.parse(one.text.replace(/"seq": +,/, '"seq":1,'))
        expect(frame.type).toBe("event")
        expect(typeof frame[client.readsParams ? "params" : "payload"]).toBe("object")
        if (frame.event === "chat" && !client.readsParams) expectValid("ChatEvent", withIds(frame.payload))
      }
    },
    { arbitrary: { runs: 300, size: 20 } },
  )
})
