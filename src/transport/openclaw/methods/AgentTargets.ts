/**
 * AgentTargets: finds the session that `agent` sends to. A client names it by key or UUID, or describes the route of
 * the message. A UUID beside a key is a condition for the session. AgentRuns.ts uses it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { given, hasText, trimmed } from "../../dialect/Params.ts"
import { call, type Query } from "../../dialect/Query.ts"
import { conflict, type Guard, guardOf } from "./Guards.ts"
import { id, key } from "../wire/Params.ts"
import { canonicalKey } from "./SessionKeys.ts"
import { byId, sessionNotFound } from "./SessionLists.ts"

export const targetFields = {
  sessionKey: key,
  to: id,
  channel: id,
  accountId: id,
  sessionId: id,
  expectedExistingSessionId: id,
}

const Target = Schema.Struct(targetFields)
type Target = typeof Target.Type

type Text = string | null | undefined

interface Route {
  readonly channel?: string
  readonly peerId?: string
  readonly accountId?: string
}

/** The address of a message in the parameters of `chat.send`. */
export interface Address {
  readonly to: Route & { readonly sessionKey?: string }
  readonly guard: Guard
}

const noConditions: Guard = { expected: undefined, enforce: (change) => change }

/** Returns the key of the session, so that its conditions can be checked. */
const sessionKeyOf = (agentId: Text, { sessionId, sessionKey }: Target, route: Route): Query<string> =>
  Effect.gen(function* () {
    if (hasText(sessionKey)) return canonicalKey(sessionKey, agentId)
    if (hasText(sessionId)) {
      const session = yield* byId(sessionId)
      return session === undefined ? yield* sessionNotFound(sessionId) : session.key
    }
    const resolved = yield* call("sessions.resolve", { ...route, ...given({ agentId: trimmed(agentId) }) })
    return resolved.sessionKey
  })

export const addressOf = (agentId: Text, target: Target): Query<Address> =>
  Effect.gen(function* () {
    const { accountId, channel, expectedExistingSessionId, sessionId, sessionKey, to } = target
    const route = given({ channel: trimmed(channel), peerId: trimmed(to), accountId: trimmed(accountId) })
    const ids = new Set([sessionId, expectedExistingSessionId].filter(hasText).map((id) => id.trim()))
    if (ids.size === 0) {
      return {
        to: hasText(sessionKey) ? { sessionKey: canonicalKey(sessionKey, agentId) } : route,
        guard: noConditions,
      }
    }
    const key = yield* sessionKeyOf(agentId, target, route)
    if (ids.size > 1) return yield* conflict(key)
    const [expectedSessionId] = ids
    return { to: { sessionKey: key }, guard: yield* guardOf(key, { expectedSessionId }) }
  })
