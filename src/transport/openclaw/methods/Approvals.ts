/**
 * Approvals: the methods `approval.*`, by which OpenClaw's newer clients see and decide approvals of every kind. Methods.ts
 * uses them.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { given, hasText } from "../../dialect/Params.ts"
import { call, catchError } from "../../dialect/Query.ts"
import { bounded, cursor, id, ignored, invalid, name, number } from "../wire/Params.ts"
import { isDecision } from "./ApprovalQueries.ts"
import { kindOf, snapshot } from "./ApprovalViews.ts"
import type { Row } from "./MethodTable.ts"

/** The rows of one page of the history. */
const PAGE = 100

const get = dialectMethod(Schema.Struct({ id }), ({ id }) => {
  if (!hasText(id)) return invalid("id is required")
  return Effect.map(call("approvals.get", { id }), (approval) => ({ approval: snapshot(approval) }))
})

/** A page of one kind may have fewer items than its limit. */
const history = dialectMethod(Schema.Struct({ cursor, limit: number, kind: name }), ({ cursor, kind, limit }) => {
  const before = hasText(cursor) ? Number(cursor) : undefined
  if (before !== undefined && !Number.isSafeInteger(before)) return invalid("invalid cursor")
  const query = { limit: bounded(limit, PAGE, PAGE), ...given({ before }) }
  return Effect.map(call("approvals.history", query), ({ approvals, next }) => ({
    items: approvals.filter((approval) => !hasText(kind) || kindOf(approval) === kind).map(snapshot),
    ...(next !== null && { nextCursor: String(next) }),
  }))
})

/** A wrong kind, or a decision that the approval does not offer, denies. */
const resolve = dialectMethod(
  Schema.Struct({ id, kind: name, decision: name, reviewer: ignored, grantExpiresInDays: number }),
  ({ decision, grantExpiresInDays, id, kind }) => {
    if (!hasText(id)) return invalid("id is required")
    if (!isDecision(decision)) return invalid("invalid decision")
    return Effect.gen(function* () {
      const known = yield* call("approvals.get", { id })
      const isOffered = kind === kindOf(known) && known.decisions.includes(decision)
      const verdict = { id: known.id, decision: isOffered ? decision : "deny" } as const
      const decided = call("approvals.decide", { ...verdict, ...given({ grantDays: grantExpiresInDays }) })
      const { applied, approval } = yield* catchError(decided, "ApprovalClosed", () =>
        Effect.map(call("approvals.get", { id: known.id }), (approval) => ({ applied: false, approval })),
      )
      return { applied, approval: snapshot(approval) }
    })
  },
)

export const approvalMethods: ReadonlyArray<Row> = [
  ["approval.get", "operator.approvals", get],
  ["approval.history", "operator.approvals", history],
  ["approval.resolve", "operator.approvals", resolve],
]
