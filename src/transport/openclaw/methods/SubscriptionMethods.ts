/**
 * SubscriptionMethods: the four methods by which a client subscribes to sessions and their messages. Interests.ts changes
 * the subscriptions of the connection by their answers.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call, type Query } from "../../dialect/Query.ts"
import { snapshot } from "./ApprovalViews.ts"
import type { Row } from "./MethodTable.ts"
import { hasText } from "../../dialect/Params.ts"
import { flag, invalid, key, name, NoParams } from "../wire/Params.ts"
import { now } from "./SessionQueries.ts"
import { canonicalKey } from "./SessionKeys.ts"
import { ListParams, sessionList } from "./SessionLists.ts"

/** With parameters of `sessions.list`, the answer has the list. */
const subscribe = dialectMethod(ListParams, (params): Query<object> => {
  if (Object.keys(params).length === 0) return Effect.succeed({ subscribed: true })
  return Effect.map(sessionList(params), (list) => ({ subscribed: true, list }))
})

const Keyed = Schema.Struct({ key, agentId: name, includeApprovals: flag })

/** Returns the waiting approvals of a session. A client without the scope for approvals gets none, and no events. */
const replay = Effect.fnUntraced(function* (sessionKey: string) {
  const updatedAtMs = yield* now()
  const { approvals } = yield* Effect.orElseSucceed(call("approvals.list", {}), () => ({ approvals: [] }))
  const own = approvals.filter((approval) => approval.sessionKey === sessionKey).map(snapshot)
  return { sessionKey, updatedAtMs, approvals: own, truncated: false }
})

const subscribeMessages = dialectMethod(Keyed, ({ agentId, includeApprovals, key }): Query<object> => {
  if (!hasText(key)) return invalid("key is required")
  const sessionKey = canonicalKey(key, agentId)
  const answer = { subscribed: true, key: sessionKey }
  if (includeApprovals !== true) return Effect.succeed(answer)
  return Effect.map(replay(sessionKey), (approvalReplay) => ({ ...answer, approvalReplay }))
})

const unsubscribeMessages = dialectMethod(Keyed, ({ agentId, key }) =>
  hasText(key) ? Effect.succeed({ subscribed: false, key: canonicalKey(key, agentId) }) : invalid("key is required"),
)

export const subscriptionMethods: ReadonlyArray<Row> = [
  ["sessions.subscribe", "operator.read", subscribe],
  ["sessions.unsubscribe", "operator.read", dialectMethod(NoParams, () => Effect.succeed({ subscribed: false }))],
  ["sessions.messages.subscribe", "operator.read", subscribeMessages],
  ["sessions.messages.unsubscribe", "operator.read", unsubscribeMessages],
]
