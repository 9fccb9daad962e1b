import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Scope } from "../../../src/domain/Principal.ts"
import { AgentRuntimes } from "../../../src/services/agents/AgentRuntimes.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { staged } from "../../support/StagedRuntime.ts"
import * as TestGateway from "../../support/TestGateway.ts"
import { callTool, sender, useTool } from "../../support/ToolCalls.ts"

const echoing = TestGateway.layer({ tools: { messagesPerHour: 3 } })

const from = (sessionKey: string, scopes: ReadonlyArray<Scope> = ["operator.write"]) => ({
  sessionKey,
  principal: sender(...scopes),
})

const makeStage = () => {
  const stage = staged()
  const layer = TestGateway.layer({
    runtime: "staged",
    runtimes: AgentRuntimes.add(stage.runtime),
    runs: { concurrent: 8, concurrentPerAgent: 8 },
  })
  return { ...stage, layer }
}

const create = (...keys: ReadonlyArray<string>) =>
  Effect.flatMap(Sessions, (sessions) => Effect.forEach(keys, (key) => sessions.create({ key })))

describe("sessions_send", () => {
  it.live("The reply of the other session's agent is the result.", () =>
    Effect.gen(function* () {
      yield* create("a", "b")
      const result = yield* useTool("sessions_send", { sessionKey: "b", text: "hello" }, from("a"))
      expect(result).toEqual({ state: "done", reply: "echo: hello" })
    }).pipe(Effect.provide(echoing)),
  )

  it.live("A conversation sends a bounded number of messages within an hour.", () =>
    Effect.gen(function* () {
      yield* create("a", "b", "c")
      const send = (sessionKey: string) =>
        callTool("sessions_send", { sessionKey: "b", text: "again", waitSeconds: 0 }, from(sessionKey))
      for (let i = 0; i < 3; i++) expect((yield* send("a")).isError).toBe(false)
      const spent = yield* send("a")
      expect(spent.isError).toBe(true)
      expect(spent.text).toContain("3 messages")
      expect((yield* send("c")).isError).toBe(false)
    }).pipe(Effect.provide(echoing)),
  )

  it.live("A reply that takes too long is left to be read later.", () => {
    const stage = makeStage()
    return Effect.gen(function* () {
      yield* create("a", "b")
      const sent = yield* useTool("sessions_send", { sessionKey: "b", text: "slow", waitSeconds: 0 }, from("a"))
      expect(sent.state).toBe("running")
      const run = yield* stage.next
      expect(run.turn.sessionKey).toBe("b")
      yield* run.end
    }).pipe(Effect.provide(stage.layer))
  })

  it.live("Two agents that wait for each other do not block.", () => {
    const stage = makeStage()
    return Effect.gen(function* () {
      yield* create("a", "b")
      const first = yield* Effect.forkChild(
        useTool("sessions_send", { sessionKey: "b", text: "question", waitSeconds: 300 }, from("a")),
      )
      const b = yield* stage.next
      const back = yield* useTool("sessions_send", { sessionKey: "a", text: "counter", waitSeconds: 300 }, from("b"))
      expect(back.state).toBe("running")
      yield* b.say("answer")
      yield* b.end
      expect(yield* Fiber.join(first)).toEqual({ state: "done", reply: "answer" })
      yield* (yield* stage.next).end
    }).pipe(Effect.provide(stage.layer))
  })

  it.live("The message carries the sender's rights, reduced to reading and writing.", () => {
    const stage = makeStage()
    return Effect.gen(function* () {
      yield* create("a", "b")
      yield* useTool("sessions_send", { sessionKey: "b", text: "hi", waitSeconds: 0 }, from("a", ["operator.admin"]))
      const run = yield* stage.next
      expect(run.turn.principal).toEqual(sender("operator.read", "operator.write"))
      yield* run.end
    }).pipe(Effect.provide(stage.layer))
  })

  it.live("A command in the text reaches the agent as text.", () => {
    const stage = makeStage()
    return Effect.gen(function* () {
      yield* create("a", "b")
      const input = { sessionKey: "b", text: "/reset", waitSeconds: 0 }
      yield* useTool("sessions_send", input, from("a", ["operator.admin"]))
      const run = yield* stage.next
      expect(run.turn.text).toBe("/reset")
      yield* run.end
    }).pipe(Effect.provide(stage.layer))
  })

  it.live("A message that a restarted run sends again is sent once.", () => {
    const stage = makeStage()
    return Effect.gen(function* () {
      yield* create("a", "b")
      const send = (attempt: number) =>
        useTool("sessions_send", { sessionKey: "b", text: "once", waitSeconds: 0 }, { ...from("a"), attempt })
      yield* send(1)
      yield* (yield* stage.next).end
      yield* send(2)
      yield* send(2)
      yield* (yield* stage.next).end
      expect(stage.runs).toHaveLength(2)
    }).pipe(Effect.provide(stage.layer))
  })

  it.live("A sender without the right to write reaches the agent's own tree only.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* create("a", "b")
      yield* sessions.create({ key: "child", parentKey: "a" })
      const send = (sessionKey: string) =>
        callTool("sessions_send", { sessionKey, text: "hi" }, from("a", ["operator.read"]))
      expect((yield* send("b")).text).toContain("operator.write")
      expect((yield* send("child")).text).toBe('{"state":"done","reply":"echo: hi"}')
    }).pipe(Effect.provide(echoing)),
  )

  it.live("A send creates no session and does not reach its own.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* create("a")
      const unknown = yield* callTool("sessions_send", { sessionKey: "new", text: "hi" }, from("a"))
      expect(unknown.text).toContain('no session "new"')
      expect(sessions.find("new")).toBeUndefined()
      const own = yield* callTool("sessions_send", { sessionKey: "a", text: "hi" }, from("a"))
      expect(own.text).toContain("your own session")
    }).pipe(Effect.provide(echoing)),
  )

  it.live("A failed run is a result with its reason.", () =>
    Effect.gen(function* () {
      yield* create("a", "b")
      const result = yield* useTool("sessions_send", { sessionKey: "b", text: "/fail" }, from("a"))
      expect(result).toMatchObject({ state: "failed", note: expect.stringContaining("asked to fail") })
    }).pipe(Effect.provide(echoing)),
  )
})
