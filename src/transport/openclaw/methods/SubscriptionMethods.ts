/**
 * SubscriptionMethods: the four methods by which a client subscribes to sessions and their messages. Their answers tell
 * Interests.ts what the connection has subscribed to.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import type { Query } from "../../dialect/Query.ts"
import type { Row } from "./MethodTable.ts"
import { trimmed } from "../../dialect/Params.ts"
import { flag, invalid, key, name, Nothing } from "../wire/Params.ts"
import { now } from "./SessionQueries.ts"
import { canonicalKey } from "./SessionKeys.ts"
import { ListParams, sessionList } from "./SessionLists.ts"

const subscribe = dialectMethod(ListParams, (params): Query<object> =>
  Object.keys(params).length === 0
    ? Effect.succeed({ subscribed: true })
    : Effect.map(sessionList(params), (list) => ({ subscribed: true, list })),
)

const Keyed = Schema.Struct({ key, agentId: name, includeApprovals: flag })

/** Nothing waits for approval here. */
const approvals = (sessionKey: string, updatedAtMs: number) => ({
  approvalReplay: { sessionKey, updatedAtMs, approvals: [], truncated: false },
})

const subscribeMessages = dialectMethod(Keyed, ({ agentId, includeApprovals, key }): Query<object> => {
  if (trimmed(key) === undefined) return invalid("key is required")
  const canonical = canonicalKey(key, agentId)
  const answer = { subscribed: true, key: canonical }
  return includeApprovals === true
    ? Effect.map(now(), (at) => ({ ...answer, ...approvals(canonical, at) }))
    : Effect.succeed(answer)
})

const unsubscribeMessages = dialectMethod(Keyed, ({ agentId, key }) =>
  trimmed(key) === undefined
    ? invalid("key is required")
    : Effect.succeed({ subscribed: false, key: canonicalKey(key, agentId) }),
)

export const subscriptionMethods: ReadonlyArray<Row> = [
  ["sessions.subscribe", "operator.read", subscribe],
  ["sessions.unsubscribe", "operator.read", dialectMethod(Nothing, () => Effect.succeed({ subscribed: false }))],
  ["sessions.messages.subscribe", "operator.read", subscribeMessages],
  ["sessions.messages.unsubscribe", "operator.read", unsubscribeMessages],
]
