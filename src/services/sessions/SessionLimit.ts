/**
 * SessionLimit: whether there is room for another session. Sessions, Runs and Acceptances ask it wherever one is made.
 */
import * as Effect from "effect/Effect"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { LimitReached } from "../../domain/Limits.ts"
import { SessionIndex } from "./SessionIndex.ts"

/**
 * Returns the refusal of a session that would be one too many. Counted by what has been told: commits of one transaction
 * can go over the limit together.
 */
export const make = Effect.gen(function* () {
  const { limits } = yield* GatewayConfig
  const index = yield* SessionIndex
  return (key: string): LimitReached | undefined =>
    index.size >= limits.sessions && index.get(key) === undefined
      ? LimitReached.of("sessions", limits.sessions)
      : undefined
})
