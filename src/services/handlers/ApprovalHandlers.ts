/**
 * ApprovalHandlers: implements the methods `approvals.*` on the service Approvals.
 */
import * as Effect from "effect/Effect"
import { ApprovalRpcs } from "../../domain/Approval.ts"
import { DEFAULT_ROWS, DEFAULT_WAIT_MS } from "../../domain/Bounds.ts"
import { CurrentConnection } from "../../domain/Principal.ts"
import { Approvals } from "../approvals/Approvals.ts"

export const ApprovalHandlers = ApprovalRpcs.toLayer(
  Effect.gen(function* () {
    const approvals = yield* Approvals
    const caller = Effect.map(CurrentConnection, ({ principal }) => principal.id)
    return ApprovalRpcs.of({
      "approvals.list": () => Effect.sync(() => ({ approvals: approvals.waiting() })),
      "approvals.get": ({ id }) => approvals.get(id),
      "approvals.history": ({ before, limit = DEFAULT_ROWS }) => approvals.history(before, limit),
      "approvals.request": (request) => Effect.flatMap(caller, (by) => approvals.request(request, by)),
      "approvals.wait": ({ id, timeoutMs = DEFAULT_WAIT_MS }) => approvals.wait(id, timeoutMs),
      "approvals.decide": ({ decision, grantDays, id }) =>
        Effect.flatMap(caller, (by) => approvals.decide(id, decision, by, grantDays)),
      "approvals.grants": () => Effect.map(approvals.grants, (grants) => ({ grants })),
      "approvals.revoke": ({ id }) => Effect.flatMap(caller, (by) => approvals.revoke(id, by)),
    })
  }),
)
