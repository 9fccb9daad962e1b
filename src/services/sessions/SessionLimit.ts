/**
 * Checks `limits.sessions` before a session is created. Sessions, MessageInjection and TurnAcceptance use it.
 */
import * as Effect from "effect/Effect"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/LimitReached.ts"
import { SessionIndex } from "./SessionIndex.ts"

/**
 * Makes the function that returns the error if the session would exceed the limit. It counts published sessions, so the
 * commits of one transaction can exceed the limit together.
 */
export const make = Effect.gen(function* () {
  const { limits } = yield* GatewayConfig
  const index = yield* SessionIndex
  return (key: string): LimitReached | undefined =>
    index.size >= limits.sessions && index.get(key) === undefined
      ? LimitReached.of("sessions", limits.sessions)
      : undefined
})
