import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { AgentRuntimes } from "../../../src/services/agents/AgentRuntimes.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import { staged } from "../../support/StagedRuntime.ts"
import * as TestGateway from "../../support/TestGateway.ts"
import { callTool, sender, useTool } from "../../support/ToolCalls.ts"

const makeStage = (options: TestGateway.TestGatewayOptions = {}) => {
  const stage = staged()
  const layer = TestGateway.layer({
    runtime: "staged",
    runtimes: AgentRuntimes.add(stage.runtime),
    runs: { concurrent: 16, concurrentPerAgent: 16 },
    ...options,
  })
  return { ...stage, layer }
}

const spawn = (sessionKey: string, input: object = { task: "count" }) =>
  useTool("sessions_spawn", input, { sessionKey, principal: sender("operator.write") })

const tryToSpawn = (sessionKey: string, input: object = { task: "count" }) =>
  callTool("sessions_spawn", input, { sessionKey, principal: sender("operator.write") })

describe("sessions_spawn", () => {
  it.live("The agent works in a session of its own, which names its parent, and its report is a message there.", () => {
    const stage = makeStage()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* sessions.create({ key: "parent" })
      const { sessionKey } = yield* spawn("parent", { task: "Count to three.", title: "Counting", thinking: "low" })
      expect(sessionKey).toMatch(/^agent:main:subagent:/)
      expect(sessions.find(sessionKey)).toMatchObject({
        parentKey: "parent",
        agentId: "main",
        displayName: "Counting",
        thinking: "low",
      })
      const task = yield* stage.next
      expect(task.turn).toMatchObject({
        sessionKey,
        text: "Count to three.",
        principal: sender("operator.read", "operator.write"),
      })
      yield* task.say("1 2 3")
      yield* task.end
      const report = yield* stage.next
      expect(report.turn.sessionKey).toBe("parent")
      expect(report.turn.text).toBe(
        `[The session ${sessionKey} that you spawned ("Counting") is done. Its result:]\n1 2 3`,
      )
      expect(report.turn.principal).toEqual(sender("operator.read", "operator.write"))
      yield* report.end
    }).pipe(Effect.provide(stage.layer))
  })

  it.live("A failed and an aborted task are reported too, and later messages to the session are not.", () => {
    const stage = makeStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const sessions = yield* Sessions
      yield* sessions.create({ key: "parent" })
      const failing = yield* spawn("parent", { task: "fail" })
      yield* (yield* stage.next).fail("no disk")
      const failed = yield* stage.next
      expect(failed.turn.text).toContain("failed: no disk]")
      yield* failed.end

      const aborted = yield* spawn("parent", { task: "abort" })
      yield* stage.next
      yield* runs.abort(aborted.sessionKey)
      const report = yield* stage.next
      expect(report.turn.text).toContain("was aborted.]")
      yield* report.end

      yield* runs.accept({ sessionKey: failing.sessionKey, text: "again" }, sender("operator.write"))
      const again = yield* stage.next
      yield* again.end
      yield* runs.wait(again.turn.runId, 10_000)
      const { sessionKey } = yield* spawn("parent", { task: "last" })
      expect((yield* stage.next).turn.sessionKey).toBe(sessionKey)
    }).pipe(Effect.provide(stage.layer))
  })

  it.live("Depth and number of spawned sessions have limits, and a report makes room.", () => {
    const stage = makeStage({ tools: { spawnDepth: 2, spawnedSessions: 2 } })
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* sessions.create({ key: "parent" })
      const child = yield* spawn("parent", { task: "one" })
      const first = yield* stage.next
      const grandchild = yield* spawn(child.sessionKey, { task: "two" })
      yield* stage.next
      expect((yield* tryToSpawn(grandchild.sessionKey)).text).toContain("at most 2 levels")
      yield* spawn("parent", { task: "three" })
      yield* stage.next
      const refused = yield* tryToSpawn("parent", { task: "four" })
      expect(refused.isError).toBe(true)
      expect(refused.text).toContain("2 spawned sessions at work")
      yield* first.end
      yield* stage.next
      yield* spawn("parent", { task: "four" })
    }).pipe(Effect.provide(stage.layer))
  })

  it.live("A conversation spawns a bounded number of sessions within an hour, its spawned sessions included.", () => {
    const stage = makeStage({ tools: { messagesPerHour: 2 } })
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* sessions.create({ key: "parent" })
      const child = yield* spawn("parent", { task: "one" })
      yield* spawn(child.sessionKey, { task: "two" })
      expect((yield* tryToSpawn("parent", { task: "three" })).text).toContain("2 messages")
    }).pipe(Effect.provide(stage.layer))
  })

  it.live("A restarted run that spawns again gets the session that it has spawned.", () => {
    const stage = makeStage()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* sessions.create({ key: "parent" })
      const attempt = (attempt: number) =>
        useTool("sessions_spawn", { task: "once" }, { sessionKey: "parent", attempt, principal: sender() })
      const first = yield* attempt(1)
      const second = yield* attempt(2)
      const other = yield* attempt(2)
      expect(second.sessionKey).toBe(first.sessionKey)
      expect(other.sessionKey).not.toBe(first.sessionKey)
    }).pipe(Effect.provide(stage.layer))
  })

  it.live("Another agent needs a sender who may write, and one that exists.", () => {
    const stage = makeStage()
    return Effect.gen(function* () {
      const agents = yield* Agents
      const sessions = yield* Sessions
      yield* agents.create({ id: "helper", name: "Helper" })
      yield* sessions.create({ key: "parent" })
      const run = { sessionKey: "parent", principal: sender("operator.read") }
      const denied = yield* callTool("sessions_spawn", { task: "x", agent: "helper" }, run)
      expect(denied.text).toContain("operator.write")
      expect((yield* tryToSpawn("parent", { task: "x", agent: "nobody" })).text).toContain("Agent not found")
      const { sessionKey } = yield* spawn("parent", { task: "x", agent: "helper" })
      expect(sessions.find(sessionKey)?.agentId).toBe("helper")
    }).pipe(Effect.provide(stage.layer))
  })

  it.live("No report reaches a parent that was removed or emptied meanwhile.", () => {
    const stage = makeStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const sessions = yield* Sessions
      yield* sessions.create({ key: "removed" })
      const child = yield* spawn("removed", { task: "one" })
      const task = yield* stage.next
      yield* sessions.remove("removed")
      yield* task.end
      yield* runs.wait(task.turn.runId, 10_000)
      yield* sessions.create({ key: "emptied" })
      yield* spawn("emptied", { task: "one" })
      const second = yield* stage.next
      yield* sessions.reset("emptied")
      yield* second.end
      yield* runs.wait(second.turn.runId, 10_000)
      yield* sessions.create({ key: "other" })
      const next = yield* spawn("other", { task: "two" })
      expect((yield* stage.next).turn.sessionKey).toBe(next.sessionKey)
      expect(sessions.find("removed")).toBeUndefined()
      expect(sessions.find(child.sessionKey)).toBeDefined()
    }).pipe(Effect.provide(stage.layer))
  })

  it.live("A start sends the report that a stop has prevented, once.", () =>
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      const before = makeStage({ stateDir, tools: { spawnDepth: 2 } })
      const taskRun = yield* Effect.gen(function* () {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "parent" })
        yield* spawn("parent", { task: "one" })
        const task = yield* before.next
        return task.turn.runId
      }).pipe(Effect.provide(before.layer))

      const after = makeStage({ stateDir })
      yield* Effect.gen(function* () {
        const task = yield* after.next
        expect(task.turn.runId).toBe(taskRun)
        yield* task.say("done")
        yield* task.end
        const report = yield* after.next
        expect(report.turn.text).toContain("done")
        yield* report.end
        yield* Effect.flatMap(Runs, (runs) => runs.wait(report.turn.runId, 10_000))
      }).pipe(Effect.provide(after.layer))

      const third = makeStage({ stateDir })
      yield* Effect.gen(function* () {
        const { sessionKey } = yield* spawn("parent", { task: "two" })
        expect((yield* third.next).turn.sessionKey).toBe(sessionKey)
        const messages = yield* Effect.flatMap(Sessions, (sessions) => sessions.history("parent", { limit: 50 }))
        expect(messages.messages.filter(({ text }) => text.includes("that you spawned"))).toHaveLength(1)
      }).pipe(Effect.provide(third.layer))
    }),
  )
})
