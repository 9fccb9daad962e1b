import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Principal } from "../../../../src/domain/Principal.ts"
import { Approvals } from "../../../../src/services/approvals/Approvals.ts"
import { Tools } from "../../../../src/services/tools/Tools.ts"
import { ofFault } from "../../../../src/transport/openclaw/wire/Errors.ts"
import type { Fault } from "../../../../src/transport/dialect/Fault.ts"
import { requestedRow, resolvedRow } from "../../../../src/transport/openclaw/methods/ApprovalViews.ts"
import { answer, answers, expectValid, layer, publishedEvents } from "../../../support/OpenClaw.ts"
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

  it.live("The terminal UI gets a call that waits as a line of its session, with the command that decides it.", () =>
    Effect.gen(function* () {
      const terminal = yield* publishedEvents("openclaw-tui")
      const browser = yield* publishedEvents()
      const { approval, call } = yield* asked("UTC")
      yield* answer("exec.approval.resolve", { id: approval.id, decision: "deny" })
      yield* Fiber.join(call)
      const text = `Waits for an operator: time {"zone":"UTC"}\n/approve ${approval.id} allow-once | allow-always | deny`
      expect(terminal().map(({ event }) => event)).toEqual([
        "exec.approval.requested",
        "chat",
        "exec.approval.resolved",
      ])
      expect(terminal()[1]!.payload).toMatchObject({
        sessionKey: approval.sessionKey,
        state: "final",
        message: { command: true, content: [{ type: "text", text }] },
      })
      expect(browser().map(({ event }) => event)).toEqual(["exec.approval.requested", "exec.approval.resolved"])
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("No system agent asks for approvals.", () =>
    Effect.gen(function* () {
      expect(yield* answer("openclaw.approval.list")).toEqual([])
    }).pipe(Effect.provide(layer())),
  )

  it.live("A client requests a command, gets two answers, and each client that waits gets the decision.", () =>
    Effect.gen(function* () {
      const events = yield* publishedEvents()
      const params = {
        command: "rm -rf build",
        cwd: "/srv",
        env: { TOKEN: "hunter2" },
        warningText: "It deletes.",
        security: null,
        agentId: "main",
        sessionKey: "agent:main:main",
        turnSourceChannel: "webchat",
        twoPhase: true,
        timeoutMs: 60_000,
      }
      const run = yield* Effect.forkScoped(answers("exec.approval.request", params))
      const approvals = yield* Approvals
      yield* untilEvent(() => approvals.waiting().length > 0)
      const { id } = approvals.waiting()[0]!
      const [row] = (yield* answer("exec.approval.list")) as unknown as ReadonlyArray<object>
      expect(row).toMatchObject({
        approvalKind: "exec",
        request: { command: "rm -rf build", cwd: "/srv", envKeys: ["TOKEN"], allowedDecisions: ["allow-once", "deny"] },
      })
      expect(yield* answer("plugin.approval.list")).toEqual([])
      expect(yield* errorOf("plugin.approval.resolve", { id, decision: "deny" })).toMatchObject({
        details: { reason: "APPROVAL_NOT_FOUND" },
      })
      expectValid("ApprovalGetResult", yield* answer("approval.get", { id }))
      const waits = yield* Effect.forkScoped(answer("exec.approval.waitDecision", { id }))
      expect(yield* answer("exec.approval.resolve", { id, decision: "allow-once" })).toEqual({ ok: true })
      const decided = { id, decision: "allow-once", createdAtMs: expect.any(Number), expiresAtMs: expect.any(Number) }
      expect(yield* Fiber.join(run)).toMatchObject([
        { status: "accepted", id, deliveryRoute: "approval-client" },
        decided,
      ])
      expect(yield* Fiber.join(waits)).toMatchObject({ ...decided, terminalReason: "user" })
      expect(yield* answer("exec.approval.waitDecision", { id })).toMatchObject(decided)
      expect(events().map(({ event }) => event)).toEqual(["exec.approval.requested", "exec.approval.resolved"])
      expect(JSON.stringify([events(), row])).not.toContain("hunter2")
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("An approval that nobody decides in time answers null, and invalid requests say what is missing.", () =>
    Effect.gen(function* () {
      expect(yield* answer("exec.approval.request", { id: "mine", command: "ls", timeoutMs: 1 })).toMatchObject({
        id: "mine",
        decision: null,
      })
      expect(yield* answer("exec.approval.waitDecision", { id: "mine" })).toMatchObject({ terminalReason: "timeout" })
      for (const [params, message] of [
        [{}, "command is required"],
        [{ command: "ls", host: "node" }, "nodeId is required for host=node"],
        [{ command: "ls", host: "node", nodeId: "n" }, "systemRunPlan is required for host=node"],
        [{ command: "ls", id: "plugin:1" }, "approval ids that begin with plugin: are reserved"],
        [{ command: "ls", id: "mine" }, "approval id already pending"],
      ] as const) {
        expect((yield* errorOf("exec.approval.request", params)).message).toContain(message)
      }
      expect((yield* errorOf("exec.approval.waitDecision", { id: "none" })).message).toBe(
        "approval expired or not found",
      )
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("A plugin asks in its own words, and its approval has the published form.", () =>
    Effect.gen(function* () {
      const events = yield* publishedEvents()
      const params = {
        pluginId: "payments",
        title: "Pay",
        description: "Pay 10 EUR to Ann.",
        severity: "critical",
        toolName: "pay",
        allowedDecisions: ["allow-once", "deny"],
      }
      const run = yield* Effect.forkScoped(answer("plugin.approval.request", params))
      const approvals = yield* Approvals
      yield* untilEvent(() => approvals.waiting().length > 0)
      const { id } = approvals.waiting()[0]!
      expect(id).toMatch(/^plugin:/)
      expect(yield* answer("exec.approval.list")).toEqual([])
      expect(yield* answer("plugin.approval.list")).toMatchObject([
        { id, request: { title: "Pay", severity: "critical" } },
      ])
      const pending = yield* answer("approval.get", { id })
      expectValid("ApprovalGetResult", pending)
      expect(pending["approval"]).toMatchObject({
        presentation: { kind: "plugin", title: "Pay", pluginId: "payments" },
      })
      yield* answer("plugin.approval.resolve", { id, decision: "allow-once" })
      expect(yield* Fiber.join(run)).toMatchObject({ id, decision: "allow-once" })
      const page = yield* answer("approval.history", { kind: "plugin" })
      expectValid("ApprovalHistoryResult", page)
      expect(page["items"]).toMatchObject([{ id }])
      expect(yield* answer("approval.history", { kind: "exec" })).toEqual({ items: [] })
      expect(events().map(({ event }) => event)).toEqual(["plugin.approval.requested", "plugin.approval.resolved"])
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("A grant has the end that the decision names, covers later requests, and can be revoked.", () =>
    Effect.gen(function* () {
      const run = yield* Effect.forkScoped(answer("exec.approval.request", { command: "ls" }))
      const approvals = yield* Approvals
      yield* untilEvent(() => approvals.waiting().length > 0)
      const { id } = approvals.waiting()[0]!
      yield* answer("exec.approval.resolve", { id, decision: "allow-always", grantExpiresInDays: 30 })
      yield* Fiber.join(run)
      expect(yield* answer("exec.approval.request", { command: "ls" })).toMatchObject({ decision: "allow-always" })
      const listed = yield* answer("exec.approval.grants.list", { limit: 5 })
      expectValid("ExecApprovalGrantsListResult", listed)
      const [grant] = listed["grants"] as ReadonlyArray<{ grantId: string; createdAtMs: number; expiresAtMs: number }>
      expect(grant!.expiresAtMs - grant!.createdAtMs).toBe(30 * 86_400_000)
      expect(grant).toMatchObject({ useCount: 1, mintedByApprovalId: id })
      const { grantId } = grant!
      for (const outcome of ["revoked", "already-revoked"]) {
        const answered = yield* answer("exec.approval.grants.revoke", { grantId })
        expectValid("ExecApprovalGrantsRevokeResult", answered)
        expect(answered).toEqual({ outcome })
      }
      expect(yield* answer("exec.approval.grants.revoke", { grantId: "none" })).toEqual({ outcome: "not-found" })
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

  it.live("A client of a session gets its approvals, also those that nobody decides.", () =>
    Effect.gen(function* () {
      const events = yield* publishedEvents(undefined, ["main"])
      const sessionEvents = () =>
        events().flatMap(({ event, payload }) => (event === "session.approval" ? [payload] : []))
      const first = yield* asked("UTC")
      const { approvalReplay } = yield* answer("sessions.messages.subscribe", { key: "main", includeApprovals: true })
      expectValid("SessionApprovalReplay", approvalReplay)
      // The session of the call has the key `main`, and this method means the main session of the main agent.
      expect(approvalReplay).toMatchObject({ sessionKey: "agent:main:main", approvals: [], truncated: false })
      yield* answer("approval.resolve", { id: first.approval.id, kind: "exec", decision: "deny" })
      yield* Fiber.join(first.call)
      const asking = (sessionKey: string, timeoutMs: number) =>
        answer("exec.approval.request", { command: "ls", sessionKey, timeoutMs })
      // An approval of another session has no such event.
      yield* asking("other", 1)
      yield* asking("main", 1)
      yield* untilEvent(() => sessionEvents().length === 4)
      expect(sessionEvents()).toMatchObject([
        { sessionKey: "main", phase: "pending", approval: { id: first.approval.id, status: "pending" } },
        { sessionKey: "main", phase: "terminal", approval: { status: "denied", decision: "deny", reason: "user" } },
        { sessionKey: "main", phase: "pending" },
        { sessionKey: "main", phase: "terminal", approval: { status: "expired", reason: "timeout" } },
      ])
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )

  it.live("`sessions.messages.subscribe` replays the approvals of the session that wait.", () =>
    Effect.gen(function* () {
      const key = "agent:main:main"
      const approvals = yield* Approvals
      yield* Effect.forkScoped(answer("exec.approval.request", { command: "ls", sessionKey: key }))
      yield* Effect.forkScoped(answer("exec.approval.request", { command: "ls", sessionKey: "other" }))
      yield* untilEvent(() => approvals.waiting().length === 2)
      const subscribe = (as?: Principal) => answer("sessions.messages.subscribe", { key, includeApprovals: true }, as)
      const { approvalReplay } = yield* subscribe()
      expectValid("SessionApprovalReplay", approvalReplay)
      expect(approvalReplay).toMatchObject({ sessionKey: key, approvals: [{ presentation: { commandText: "ls" } }] })
      const reader: Principal = { id: "reader", kind: "device", role: "operator", scopes: ["operator.read"] }
      expect(yield* subscribe(reader)).toMatchObject({ approvalReplay: { approvals: [] } })
    }).pipe(Effect.scoped, Effect.provide(layer())),
  )
})
