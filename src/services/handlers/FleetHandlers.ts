/**
 * FleetHandlers: implements `fleet.*` on the service Fleet.
 */
import * as Effect from "effect/Effect"
import { FleetRpcs } from "../../domain/Fleet.ts"
import { Fleet } from "../fleet/Fleet.ts"

export const FleetHandlers = FleetRpcs.toLayer(
  Effect.map(Fleet, (fleet) =>
    FleetRpcs.of({
      "fleet.list": () => fleet.list,
      "fleet.get": ({ id }) => fleet.get(id),
      "fleet.upstreams": () => Effect.map(fleet.upstreams, (upstreams) => ({ upstreams })),
    }),
  ),
)
