/**
 * ApprovalQueries: the steps that the methods of commands and of plugins share: list, resolve, request and wait.
 * ExecApprovals and PluginApprovals use them.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Approval, ApprovalDecision } from "../../../domain/Approval.ts"
import { RUN_MS, WAIT_MS } from "../../../domain/Bounds.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { given, hasText } from "../../dialect/Params.ts"
import { call, catchError, emit, fail, type Params, type Query } from "../../dialect/Query.ts"
import { id, ignored, invalid, name, NoParams, number } from "../wire/Params.ts"
import { type ApprovalKind, decisionRow, kindOf, requestedRow } from "./ApprovalViews.ts"

export const isDecision = Schema.is(ApprovalDecision)

/** Returns an approval of the kind. Those of another kind do not exist for the method. */
export const found = (kind: ApprovalKind, id: string): Query<Approval> =>
  Effect.flatMap(call("approvals.get", { id }), (approval): Query<Approval> =>
    kindOf(approval) === kind
      ? Effect.succeed(approval)
      : fail({ _tag: "Domain", error: { _tag: "ApprovalNotFound", id, isAmbiguous: false } }),
  )

export const listOf = (kind: ApprovalKind) =>
  dialectMethod(NoParams, () =>
    Effect.map(call("approvals.list", {}), ({ approvals }) =>
      approvals.filter((approval) => kindOf(approval) === kind).map(requestedRow),
    ),
  )

/** The gateway knows its caller, so it needs no `reviewer`. */
export const resolveOf = (kind: ApprovalKind) =>
  dialectMethod(
    Schema.Struct({ id, decision: name, reviewer: ignored, grantExpiresInDays: number }),
    ({ decision, grantExpiresInDays, id }) => {
      if (!hasText(id)) return invalid("id is required")
      if (!isDecision(decision)) return invalid("invalid decision")
      return Effect.gen(function* () {
        const approval = yield* found(kind, id)
        yield* call("approvals.decide", { id: approval.id, decision, ...given({ grantDays: grantExpiresInDays }) })
        return { ok: true }
      })
    },
  )

/** Waits until the approval has ended: its expiry ends it at the latest. */
const ended = (approval: Approval, leftMs = RUN_MS): Query<Approval> =>
  approval.status !== "pending" || leftMs <= 0
    ? Effect.succeed(approval)
    : Effect.flatMap(call("approvals.wait", { id: approval.id, timeoutMs: WAIT_MS }), (now) =>
        ended(now, leftMs - WAIT_MS),
      )

export const waitOf = (kind: ApprovalKind) =>
  dialectMethod(Schema.Struct({ id }), ({ id }) => {
    if (!hasText(id)) return invalid("id is required")
    const missing = () =>
      fail({ _tag: "Domain", error: { _tag: "ApprovalGone", message: "approval expired or not found" } })
    const approval = catchError(found(kind, id), "ApprovalNotFound", missing)
    return Effect.map(Effect.flatMap(approval, ended), decisionRow)
  })

/** Requests an approval and answers with the decision. With `twoPhase`, an answer comes first, when operators can see it. */
export const requested = (params: Params<"approvals.request">, twoPhase: boolean | null | undefined): Query<object> =>
  Effect.gen(function* () {
    const approval = yield* call("approvals.request", params)
    const { decision: _decision, ...times } = decisionRow({ ...approval, status: "pending" })
    if (twoPhase === true) yield* emit({ status: "accepted", ...times, deliveryRoute: "approval-client" })
    const { terminalReason: _reason, ...row } = decisionRow(yield* ended(approval))
    return row
  })
