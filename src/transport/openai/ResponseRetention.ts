/**
 * ResponseRetention: removes the sessions of `/v1` that nobody continues: those of responses that are older than
 * `events.retainDays`, after which `previous_response_id` does not know them, and those of other requests after an hour. These
 * wait for results of a client's tools, or a crash left them. OpenAi.ts starts it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { removeRegularly, retainedSince } from "../../services/events/Retention.ts"
import { Sessions } from "../../services/sessions/Sessions.ts"
import { CHANNEL } from "./AgentRun.ts"
import { isChainKey, isOnceKey } from "./Target.ts"

/** The sessions that one step looks at. */
const STEP = 100

/** The time that a client has for the calls of its tools. Many clients never send a result. */
const ONCE_MS = 3_600_000

export const removeOldResponses = Effect.gen(function* () {
  const sessions = yield* Sessions
  const before = yield* retainedSince
  const onceBefore = Math.max(before, (yield* Clock.currentTimeMillis) - ONCE_MS)
  let cursor: string | undefined
  do {
    const page = yield* sessions.list({
      channel: CHANNEL,
      sortBy: "updatedAt",
      order: "asc",
      limit: STEP,
      ...(cursor !== undefined && { cursor }),
    })
    const old = page.sessions.filter(({ updatedAt }) => updatedAt < onceBefore)
    for (const { activity, key, updatedAt } of old) {
      if (activity !== "idle" || !(isOnceKey(key) || (isChainKey(key) && updatedAt < before))) continue
      yield* Effect.ignore(sessions.remove(key, { updatedAt }))
      yield* Effect.yieldNow
    }
    cursor = old.length === STEP ? (page.nextCursor ?? undefined) : undefined
  } while (cursor !== undefined)
}).pipe(Effect.withSpan("ResponseRetention.removeOldResponses"))

export const layer: Layer.Layer<never, never, GatewayConfig | Sessions> = Layer.effectDiscard(
  removeRegularly("responses", removeOldResponses, "1 hour"),
)
