/**
 * The methods of events, answered by the Events service.
 */
import * as Effect from "effect/Effect"
import { EventRpcs } from "../../domain/Event.ts"
import { Events } from "../Events.ts"

export const EventHandlers = EventRpcs.toLayer(
  Effect.gen(function* () {
    const events = yield* Events
    return EventRpcs.of({
      "events.subscribe": ({ from, ...filter }) => events.subscribe(filter, from),
    })
  }),
)
