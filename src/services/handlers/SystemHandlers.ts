/**
 * SystemHandlers: implements `health`, `status`, `ping`, `gateway.identity` and `config.get`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import { SystemRpcs } from "../../domain/System.ts"
import { GatewayKey } from "../auth/GatewayKey.ts"
import { System } from "../system/System.ts"

/** Returns the options in force as JSON, with their hash. Secrets encode as `<redacted>`, so a reload changes nothing here. */
const configInForce = (settings: GatewaySettings) => {
  const text = JSON.stringify(settings)
  const config: Schema.Json = JSON.parse(text)
  return { config, hash: createHash("sha256").update(text).digest("hex") }
}

export const SystemHandlers = SystemRpcs.toLayer(
  Effect.gen(function* () {
    const system = yield* System
    const identity = yield* GatewayKey
    const config = configInForce(yield* GatewayConfig)
    return SystemRpcs.of({
      health: () => system.health,
      status: () => system.status,
      ping: () => Effect.map(Clock.currentTimeMillis, (at) => ({ at })),
      "gateway.identity": () => Effect.succeed(identity),
      "config.get": () => Effect.succeed(config),
    })
  }),
)
