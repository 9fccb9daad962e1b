/**
 * EventHandlers: implements `events.subscribe` on the service Events, for embedders that serve the contract over a protocol
 * of their own. The gateway's wires serve it from their fan-out instead (ADR 9).
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { EventRpcs, permitted } from "../../domain/Event.ts"
import { CurrentConnection } from "../../domain/Principal.ts"
import { Events } from "../events/Events.ts"

export const EventHandlers = EventRpcs.toLayer(
  Effect.gen(function* () {
    const events = yield* Events
    return EventRpcs.of({
      "events.subscribe": ({ from, ...filter }) =>
        Stream.unwrap(
          Effect.map(CurrentConnection, ({ principal }) => events.subscribe(permitted(filter, principal.scopes), from)),
        ),
    })
  }),
)
