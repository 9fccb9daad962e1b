/**
 * FleetHandlers: implements `fleet.*` on the services Fleet and FleetControl.
 */
import * as Effect from "effect/Effect"
import { DEFAULT_ROWS } from "../../domain/Bounds.ts"
import { FleetRpcs } from "../../domain/Fleet.ts"
import { CurrentConnection } from "../../domain/Principal.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { FleetControl } from "../fleet/FleetControl.ts"

export const FleetHandlers = FleetRpcs.toLayer(
  Effect.gen(function* () {
    const fleet = yield* Fleet
    const control = yield* FleetControl
    return FleetRpcs.of({
      "fleet.list": () => fleet.list,
      "fleet.get": ({ id }) => fleet.get(id),
      "fleet.upstreams": () => Effect.map(fleet.upstreams, (upstreams) => ({ upstreams })),
      "fleet.command": ({ id, ...order }) =>
        Effect.flatMap(CurrentConnection, ({ principal }) => control.command(id, order, principal)),
      "fleet.transcript": ({ id, limit = DEFAULT_ROWS }) => control.transcript(id, limit),
    })
  }),
)
