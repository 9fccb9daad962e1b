/**
 * Removes ended turns that are older than `events.retainDays`. Until then the gateway recognizes a repeated send by its
 * key. Their messages stay as long as their session. It also removes the files that a crash has left without a message.
 * Gateway.ts starts it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { Attachments } from "../attachments/Attachments.ts"
import * as AttachmentSweep from "../attachments/AttachmentSweep.ts"
import type { Events } from "../events/Events.ts"
import { removeInSteps, removeRegularly, retainedSince } from "../events/Retention.ts"

export const removeOldTurns = Effect.flatMap(retainedSince, (before) =>
  removeInSteps(({ turns }, limit) => turns.forget(before, limit)),
).pipe(Effect.withSpan("TurnRetention.removeOldTurns"))

export const layer: Layer.Layer<never, never, Attachments | Events | GatewayConfig> = Layer.effectDiscard(
  Effect.andThen(
    removeRegularly("turns", removeOldTurns, "10 minutes"),
    removeRegularly("files", AttachmentSweep.removeUnknown, "10 minutes"),
  ),
)
