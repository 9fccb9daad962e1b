/**
 * The gateway's own methods.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { SystemRpcs } from "../../domain/System.ts"
import { System } from "../System.ts"

export const SystemHandlers = SystemRpcs.toLayer(
  Effect.gen(function* () {
    const system = yield* System
    return SystemRpcs.of({
      health: () => system.health,
      status: () => system.status,
      ping: () => Effect.map(Clock.currentTimeMillis, (at) => ({ at })),
      "models.list": () => Effect.map(system.models, (models) => ({ models })),
    })
  }),
)
