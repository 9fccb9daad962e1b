import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Approvals } from "../../../../src/services/approvals/Approvals.ts"
import { Tools } from "../../../../src/services/tools/Tools.ts"
import { ofFault } from "../../../../src/transport/openclaw/wire/Errors.ts"
import type { Fault } from "../../../../src/transport/dialect/Fault.ts"
import { requestedRow, resolvedRow } from "../../../../src/transport/openclaw/methods/Approvals.ts"
import { answer, answers, expectValid, layer } from "../../../support/OpenClaw.ts"
import { untilEvent } from "../../../support/Published.ts"
import { toolRun } from "../../../support/ToolRuns.ts"

/** Calls a real tool that needs an approval. */
const asked = Effect.fnUntraced(function* (zone: string) {
  const tools = yield* Tools
  const approvals = yield* Approvals
  const run = toolRun({ agent: { tools: { time: "ask" } } })
  const call = yield* Effect.forkScoped(tools.call(run, "time", { zone }, "call-1"))
  yield* untilEvent(() => approvals.waiting().length > 0)
  return { call, approval: approvals.waiting()[0]! }
})

const errorOf = (method: string, params: unknown) =>
  Effect.map(Effect.flip(answers(method, params)), (fault) => ofFault(4, method, fault as Fault))

describe("Approvals", () => {
  it.live("`exec.approval.*` lists a call as a command and decides it, with the texts that clients match on.", () =>
    Effect.gen(function* () {
      const { approval, call } = yield* asked("UTC")
      const { id } = approval
      const rows = (yield* answer("exec.approval.list")) as unknown
      expect(rows).toEqual([JSON.parse(JSON.stringify(requestedRow(approval)))])
      expect(requestedRow(approval)).toMatchObject({ request: { command: 'time {"zone":"UTC"}', agentId: "main" } })
      expect(yield* answer("exec.approval.get", { id })).toMatchObject({ id, commandText: 'time {"zone":"UTC"}' })
      expect(yield* errorOf("exec.approval.resolve", { id, decision: "yes" })).toMatchObject({
        code: "INVALID_REQUEST",
      })
      const resolve = { id: id.slice(0, 8), decision: "allow-once", reviewer: null }
      expect(yield* answer("exec.approval.resolve", resolve)).toEqual({ ok: true })
      expect((yield* Fiber.join(call)).isError).toBe(false)
      expect(yield* answer("exec.approval.resolve", { id, decision: "allow-once" })).toEqual({ ok: true })
      expect(yield* errorOf("exec.approval.resolve", { id, decision: "deny" })).toMatchObject({
        message: "approval already resolved",
        details: { reason: "APPROVAL_ALREADY_RESOLVED" },
      })
      expect(yield* errorOf("exec.approval.resolve", { id: "none", decision: "deny" })).toMatchObject({
        message: "unknown or expired approval id",
        details: { reason: "APPROVAL_NOT_FOUND" },
      })
      const decided = yield* Effect.flatMap(Approvals, (approvals) => approvals.get(id))
      expect(resolvedRow(decided, 5.5)).toMatchObject({ id, decision: "allow-once", resolvedBy: "test", ts: 5 })
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("`approval.*` has the published forms for each state, and a wrong kind denies.", () =>
    Effect.gen(function* () {
      const { approval, call } = yield* asked("UTC")
      const { id } = approval
      const pending = yield* answer("approval.get", { id })
      expectValid("ApprovalGetResult", pending)
      expect(pending["approval"]).toMatchObject({ status: "pending", urlPath: `/approve/${id}` })
      const denied = yield* answer("approval.resolve", { id, kind: "plugin", decision: "allow-once" })
      expectValid("ApprovalResolveResult", denied)
      expect(denied).toMatchObject({ applied: true, approval: { status: "denied", decision: "deny" } })
      expect((yield* Fiber.join(call)).isError).toBe(true)
      const late = yield* answer("approval.resolve", { id, kind: "exec", decision: "allow-once" })
      expectValid("ApprovalResolveResult", late)
      expect(late).toMatchObject({ applied: false, approval: { status: "denied" } })
      const next = yield* asked("Europe/Paris")
      const allow = { id: next.approval.id, kind: "exec", decision: "allow-always" }
      const allowed = yield* answer("approval.resolve", allow)
      expectValid("ApprovalResolveResult", allowed)
      yield* Fiber.join(next.call)
      const page = yield* answer("approval.history", { limit: 1 })
      expectValid("ApprovalHistoryResult", page)
      const rest = yield* answer("approval.history", { cursor: page["nextCursor"], limit: 5 })
      expectValid("ApprovalHistoryResult", rest)
      expect(rest["items"]).toMatchObject([{ id }])
      expect(yield* errorOf("approval.get", { id: "none" })).toMatchObject({ message: "approval not found" })
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )
})
