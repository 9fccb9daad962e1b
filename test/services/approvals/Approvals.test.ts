import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import type { Approval } from "../../../src/domain/Approval.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Approvals } from "../../../src/services/approvals/Approvals.ts"
import type { ConversationOptions } from "../../support/Conversations.ts"
import { open } from "../../support/OpenConversations.ts"
import { guarded } from "../../support/GuardedRuntime.ts"
import { newPlace } from "../../support/TestDatabase.ts"

interface Options extends Pick<ConversationOptions, "config" | "place"> {
  readonly onRun?: Effect.Effect<void>
}

/** A gateway whose agents ask, with the inputs that ran. */
const start = Effect.fnUntraced(function* ({ onRun = Effect.void, ...options }: Options = {}) {
  const ran: Array<string> = []
  const runtime = guarded((input) =>
    Effect.andThen(
      Effect.sync(() => ran.push(input)),
      onRun,
    ),
  )
  const opened = yield* open(runtime, options)
  const approvals = yield* opened.use(Approvals)
  return { ...opened, approvals, ran, waiting: opened.waitingIn(approvals.waiting) }
})

const one = (approvals: ReadonlyArray<Approval>): Approval => {
  expect(approvals).toHaveLength(1)
  return approvals[0]!
}

describe("A call of a tool that needs an approval", () => {
  it.effect("It waits, everybody sees the whole call, and it runs once an operator allows it.", () =>
    Effect.gen(function* () {
      const { approvals, published, ran, reply, send, waiting } = yield* start()
      yield* send('/call {"path":"a"}', "r")
      const approval = one(yield* waiting(1))
      expect(approval).toMatchObject({
        agentId: "main",
        sessionKey: "s",
        runId: "r",
        callId: "1.0",
        tool: "act",
        input: '{"path":"a"}',
        status: "pending",
        decisions: ["allow-once", "allow-always", "deny"],
      })
      expect(published).toContainEqual({ _tag: "ApprovalRequested", approval })
      expect(ran).toEqual([])
      expect(yield* approvals.decide(approval.id, "allow-once", "ann")).toMatchObject({ applied: true })
      expect(yield* reply("r")).toBe('ran {"path":"a"}')
      expect(ran).toEqual(['{"path":"a"}'])
      expect(published).toContainEqual(
        expect.objectContaining({
          _tag: "ApprovalResolved",
          approval: expect.objectContaining({ id: approval.id, status: "allowed", resolvedBy: "ann" }),
        }),
      )
      expect(approvals.waiting()).toEqual([])
    }).pipe(Effect.scoped),
  )

  it.effect("A denial fails the call with the reason, and the run goes on.", () =>
    Effect.gen(function* () {
      const { approvals, ran, reply, send, waiting } = yield* start()
      yield* send("/call x", "r")
      yield* approvals.decide(one(yield* waiting(1)).id, "deny", "ann")
      expect(yield* reply("r")).toContain("an operator denied it")
      expect(ran).toEqual([])
    }).pipe(Effect.scoped),
  )

  it.effect("Its run has no place among the running ones while it waits, and takes one before the call runs.", () =>
    Effect.gen(function* () {
      const config = { runs: { concurrent: 1 } }
      const { admission, approvals, ran, reply, runs, send, stage, use, waiting } = yield* start({ config })
      yield* send("/call x", "r")
      const { id } = one(yield* waiting(1))
      yield* use(Effect.flatMap(Agents, (agents) => agents.create({ id: "busy", name: "Busy", runtime: "staged" })))
      yield* send("work", "q", { sessionKey: "t", agentId: "busy" })
      const other = yield* stage.next
      expect(admission.running()).toBe(1)
      yield* approvals.decide(id, "allow-once", "ann")
      expect((yield* runs.get("r")).state).toBe("running")
      expect(ran).toEqual([])
      yield* other.end
      expect(yield* reply("r")).toBe("ran x")
    }).pipe(Effect.scoped),
  )

  it.effect("The time in which it waits does not count to the time of its run.", () =>
    Effect.gen(function* () {
      const config = { runs: { deadlineMs: 1_000 } }
      const { approvals, reply, send, waiting } = yield* start({ config })
      yield* send("/call x", "r")
      const { id } = one(yield* waiting(1))
      yield* TestClock.adjust(60_000)
      yield* approvals.decide(id, "allow-once", "ann")
      expect(yield* reply("r")).toBe("ran x")
    }).pipe(Effect.scoped),
  )

  it.effect(
    "Nobody decides in time: it fails with that reason, an event says so, and a later decision learns why.",
    () =>
      Effect.gen(function* () {
        const config = { tools: { approvalMs: 5_000 } }
        const { approvals, published, ran, reply, send, until, waiting } = yield* start({ config })
        yield* send("/call x", "r")
        const { id } = one(yield* waiting(1))
        yield* TestClock.adjust(4_999)
        expect(approvals.waiting()).toHaveLength(1)
        yield* TestClock.adjust(1)
        yield* until(() => published.some(({ _tag }) => _tag === "ApprovalResolved"))
        expect(yield* approvals.get(id)).toMatchObject({ status: "expired", decision: null, resolvedAt: 5_000 })
        expect(yield* reply("r")).toContain("no operator decided in time")
        const error = yield* Effect.flip(approvals.decide(id, "allow-once", "ann"))
        expect(error).toMatchObject({ _tag: "ApprovalClosed", status: "expired" })
        expect(ran).toEqual([])
      }).pipe(Effect.scoped),
  )

  it.effect("Of two operators who decide at once one wins, and the other learns who did.", () =>
    Effect.gen(function* () {
      const { approvals, published, ran, reply, send, waiting } = yield* start()
      yield* send("/call x", "r")
      const { id } = one(yield* waiting(1))
      const [ann, bob] = yield* Effect.all(
        [Effect.result(approvals.decide(id, "deny", "ann")), Effect.result(approvals.decide(id, "allow-once", "bob"))],
        { concurrency: "unbounded" },
      )
      expect(ann).toMatchObject({ _tag: "Success", success: { applied: true } })
      expect(bob).toMatchObject({
        _tag: "Failure",
        failure: { _tag: "ApprovalClosed", status: "denied", decision: "deny", resolvedBy: "ann" },
      })
      expect(yield* approvals.decide(id, "deny", "carl")).toMatchObject({ applied: false })
      expect(yield* reply("r")).toContain("denied")
      expect(ran).toEqual([])
      expect(published.filter(({ _tag }) => _tag === "ApprovalResolved")).toHaveLength(1)
    }).pipe(Effect.scoped),
  )

  it.effect("Its approval is cancelled when its run ends.", () =>
    Effect.gen(function* () {
      const { approvals, published, runs, send, until, waiting } = yield* start()
      yield* send("/call x", "r")
      const { id } = one(yield* waiting(1))
      yield* runs.abort("s")
      yield* until(() => published.some(({ _tag }) => _tag === "ApprovalResolved"))
      expect(yield* Effect.flip(approvals.decide(id, "allow-once", "ann"))).toMatchObject({ status: "cancelled" })
    }).pipe(Effect.scoped),
  )

  it.effect("Two equal calls of a run need a decision each.", () =>
    Effect.gen(function* () {
      const { approvals, ran, reply, send, until, waiting } = yield* start()
      yield* send("/call x\n/call x", "r")
      const first = one(yield* waiting(1))
      yield* approvals.decide(first.id, "allow-once", "ann")
      yield* until(() => approvals.waiting().some(({ id }) => id !== first.id))
      expect(ran).toEqual(["x"])
      yield* approvals.decide(one(approvals.waiting()).id, "deny", "ann")
      expect((yield* reply("r"))?.split("\n").toSorted()[1]).toBe("ran x")
      expect(ran).toEqual(["x"])
    }).pipe(Effect.scoped),
  )

  it.effect("An input that is too long to check fails without an approval.", () =>
    Effect.gen(function* () {
      const { approvals, reply, send } = yield* start()
      yield* send(`/call ${"x".repeat(65_537)}`, "r")
      expect(yield* reply("r")).toContain("longer than 65536 characters")
      expect(approvals.waiting()).toEqual([])
    }).pipe(Effect.scoped),
  )

  it.effect("Calls above limits.approvals fail at once.", () =>
    Effect.gen(function* () {
      const { approvals, reply, send, waiting } = yield* start({ config: { limits: { approvals: 1 } } })
      yield* send("/call x", "r")
      yield* waiting(1)
      yield* send("/call y", "q", { sessionKey: "t" })
      expect(yield* reply("q")).toContain("1 calls wait for one already")
      expect(approvals.waiting()).toHaveLength(1)
    }).pipe(Effect.scoped),
  )
})

describe("Approvals", () => {
  it.effect("The beginning of an id stands for it if no other waiting approval has it.", () =>
    Effect.gen(function* () {
      const { approvals, send, waiting } = yield* start()
      yield* send("/call x\n/call y", "r")
      const [first] = yield* waiting(2)
      expect(yield* Effect.flip(approvals.decide("", "deny", "ann"))).toMatchObject({ isAmbiguous: true })
      expect(yield* Effect.flip(approvals.decide("no", "deny", "ann"))).toMatchObject({ isAmbiguous: false })
      const decided = yield* approvals.decide(first!.id.slice(0, 20), "deny", "ann")
      expect(decided.approval.id).toBe(first!.id)
    }).pipe(Effect.scoped),
  )

  it.effect("A lasting decision makes a grant for the agent, the tool and the input, until it is revoked.", () =>
    Effect.gen(function* () {
      const { approvals, published, ran, reply, send, waiting } = yield* start()
      yield* send("/call x", "1")
      yield* approvals.decide(one(yield* waiting(1)).id, "allow-always", "ann")
      expect(yield* reply("1")).toBe("ran x")
      yield* send("/call x", "2", { sessionKey: "t" })
      expect(yield* reply("2")).toBe("ran x")
      const grant = (yield* approvals.grants)[0]!
      expect(grant).toMatchObject({ agentId: "main", tool: "act", input: "x", createdBy: "ann", uses: 1 })
      yield* send("/call y", "3")
      yield* approvals.decide(one(yield* waiting(1)).id, "deny", "ann")
      yield* reply("3")
      expect(yield* approvals.revoke(grant.id, "bob")).toMatchObject({ revokedBy: "bob" })
      yield* send("/call x", "4")
      yield* approvals.decide(one(yield* waiting(1)).id, "deny", "ann")
      expect(yield* reply("4")).toContain("denied")
      expect(ran).toEqual(["x", "x"])
      expect(published.filter(({ _tag }) => _tag === "ApprovalGrantChanged")).toHaveLength(2)
      expect(yield* Effect.flip(approvals.revoke("none", "bob"))).toMatchObject({ _tag: "GrantNotFound" })
    }).pipe(Effect.scoped),
  )

  it.effect("A grant with an end holds until then.", () =>
    Effect.gen(function* () {
      const { approvals, ran, reply, send, waiting } = yield* start()
      yield* send("/call x", "1")
      yield* approvals.decide(one(yield* waiting(1)).id, "allow-always", "ann", 1)
      yield* reply("1")
      expect((yield* approvals.grants)[0]).toMatchObject({ expiresAt: 86_400_000 })
      yield* TestClock.adjust("23 hours")
      yield* send("/call x", "2")
      expect(yield* reply("2")).toBe("ran x")
      yield* TestClock.adjust("1 hour")
      yield* send("/call x", "3")
      yield* approvals.decide(one(yield* waiting(1)).id, "deny", "ann")
      expect(yield* reply("3")).toContain("denied")
      expect(ran).toEqual(["x", "x"])
    }).pipe(Effect.scoped),
  )

  it.effect("The history has the newest ended approvals first, page by page.", () =>
    Effect.gen(function* () {
      const { approvals, reply, send, waiting } = yield* start()
      for (const input of ["a", "b", "c"]) {
        yield* send(`/call ${input}`, input)
        yield* approvals.decide(one(yield* waiting(1)).id, "deny", "ann")
        yield* reply(input)
      }
      const first = yield* approvals.history(undefined, 2)
      expect(first.approvals.map(({ input }) => input)).toEqual(["c", "b"])
      const second = yield* approvals.history(first.next ?? undefined, 2)
      expect(second.approvals.map(({ input }) => input)).toEqual(["a"])
      expect(second.next).toBeNull()
    }).pipe(Effect.scoped),
  )
})

describe("Approvals after a restart", () => {
  it.effect("An approval that waits keeps its id, and the run that asks again takes its decision.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start({ place })
      yield* before.send("/call x", "r")
      const { id } = one(yield* before.waiting(1))
      yield* before.stop
      const after = yield* start({ place })
      expect(one(after.approvals.waiting()).id).toBe(id)
      yield* after.approvals.decide(id, "allow-once", "ann")
      expect(yield* after.reply("r")).toBe("ran x")
      expect(before.ran).toEqual([])
      expect(after.ran).toEqual(["x"])
    }).pipe(Effect.scoped),
  )

  it.effect("A decision that was not used before the stop counts for the same call, once.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start({ place, config: { runs: { concurrent: 1 } } })
      yield* before.send("/call x", "r")
      const { id } = one(yield* before.waiting(1))
      // Another run has the only place, so the allowed call cannot run yet.
      yield* before.send("/call other", "q", { sessionKey: "t" })
      yield* before.waiting(2)
      yield* before.approvals.decide(id, "allow-once", "ann")
      yield* before.stop
      const after = yield* start({ place })
      expect(yield* after.reply("r")).toBe("ran x")
      expect([...before.ran, ...after.ran]).toEqual(["x"])
    }).pipe(Effect.scoped),
  )

  it.effect("A decision that was used before the stop does not let the call run again.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const reached = yield* Deferred.make<void>()
      const hold = Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
      const before = yield* start({ place, onRun: hold })
      yield* before.send("/call x", "r")
      const { id } = one(yield* before.waiting(1))
      yield* before.approvals.decide(id, "allow-once", "ann")
      yield* Deferred.await(reached)
      yield* before.stop
      const after = yield* start({ place })
      const next = one(yield* after.waiting(1))
      expect(next.id).not.toBe(id)
      expect(after.ran).toEqual([])
      yield* after.approvals.decide(next.id, "deny", "ann")
      expect(yield* after.reply("r")).toContain("denied")
      expect(after.ran).toEqual([])
    }).pipe(Effect.scoped),
  )
})
