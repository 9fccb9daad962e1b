/**
 * The gateway's own methods.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import { createHash } from "node:crypto"
import { GatewayConfig, GatewaySettings } from "../../domain/GatewayConfig.ts"
import { SystemRpcs } from "../../domain/System.ts"
import { System } from "../System.ts"

const encodeSettings = Schema.encodeSync(Schema.toCodecJson(GatewaySettings.mapFields(Struct.omit(["token"]))))

/** The configuration does not change while the gateway runs. */
const shown = (settings: GatewaySettings) => {
  const config = encodeSettings(settings)
  return { config, hash: createHash("sha256").update(JSON.stringify(config)).digest("hex") }
}

export const SystemHandlers = SystemRpcs.toLayer(
  Effect.gen(function* () {
    const system = yield* System
    const config = shown(yield* GatewayConfig)
    return SystemRpcs.of({
      health: () => system.health,
      status: () => system.status,
      ping: () => Effect.map(Clock.currentTimeMillis, (at) => ({ at })),
      "config.get": () => Effect.succeed(config),
      "models.list": () => Effect.map(system.models, (models) => ({ models })),
    })
  }),
)
