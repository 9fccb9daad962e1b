import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import * as TestGateway from "../../support/TestGateway.ts"
import { callTool, sender, useTool } from "../../support/ToolCalls.ts"

const inject = (sessionKey: string, text: string) =>
  Effect.flatMap(Runs, (runs) => runs.inject({ sessionKey, text, role: "user" }))

layer(TestGateway.layer())("SessionTools", (it) => {
  describe("sessions_list", () => {
    it.effect("A sender who may read sees all sessions, and finds them by text.", () =>
      Effect.gen(function* () {
        yield* inject("alpha", "about apples")
        yield* inject("beta", "about bananas")
        const all = yield* useTool("sessions_list", {}, { principal: sender("operator.read") })
        const keys = all.sessions.map(({ key }: { key: string }) => key)
        expect(keys).toEqual(expect.arrayContaining(["alpha", "beta"]))
        const found = yield* useTool("sessions_list", { search: "BANANAS" }, { principal: sender("operator.read") })
        expect(found.sessions).toMatchObject([
          { key: "beta", agent: "main", messages: 1, lastMessage: "about bananas" },
        ])
        expect(found.total).toBe(1)
      }),
    )

    it.effect("A sender without rights sees only the sessions that this one has spawned.", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "own" })
        yield* sessions.create({ key: "child", parentKey: "own" })
        yield* sessions.create({ key: "grandchild", parentKey: "child" })
        const run = { sessionKey: "own", principal: sender() }
        expect((yield* useTool("sessions_list", {}, run)).sessions).toMatchObject([{ key: "child", spawnedBy: "own" }])
        expect((yield* useTool("sessions_list", { spawnedBy: "child" }, run)).sessions).toMatchObject([
          { key: "grandchild" },
        ])
        const other = yield* callTool("sessions_list", { spawnedBy: "alpha" }, run)
        expect(other.isError).toBe(true)
        expect(other.text).toContain("operator.read")
      }),
    )

    it.effect("A page has at most 50 sessions.", () =>
      Effect.gen(function* () {
        expect((yield* callTool("sessions_list", { limit: 51 })).isError).toBe(true)
      }),
    )
  })

  describe("sessions_history", () => {
    it.effect("A sender who may read gets the newest messages, oldest first, and older ones by id.", () =>
      Effect.gen(function* () {
        for (const text of ["one", "two", "three"]) yield* inject("history", text)
        const run = { principal: sender("operator.read") }
        const page = yield* useTool("sessions_history", { sessionKey: "history", limit: 2 }, run)
        expect(page).toMatchObject({ messages: [{ text: "two" }, { text: "three" }], hasOlder: true })
        const before = page.messages[0].id
        expect(yield* useTool("sessions_history", { sessionKey: "history", before }, run)).toMatchObject({
          messages: [{ text: "one", role: "user" }],
          hasOlder: false,
        })
      }),
    )

    it.effect("A sender without rights reads the agent's own tree only.", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        yield* sessions.create({ key: "root" })
        yield* sessions.create({ key: "leaf", parentKey: "root" })
        yield* inject("leaf", "result")
        const read = (sessionKey: string, from: string) =>
          callTool("sessions_history", { sessionKey }, { sessionKey: from, principal: sender() })
        expect((yield* read("leaf", "root")).text).toContain("result")
        expect((yield* read("root", "leaf")).text).toContain("operator.read")
        expect((yield* read("history", "root")).text).toContain("operator.read")
      }),
    )

    it.effect("The result for an unknown session names the tool that lists them.", () =>
      Effect.gen(function* () {
        expect(yield* callTool("sessions_history", { sessionKey: "nowhere" })).toEqual({
          text: 'There is no session "nowhere". Call sessions_list for the keys.',
          isError: true,
        })
      }),
    )

    it.effect("A long message is shortened.", () =>
      Effect.gen(function* () {
        yield* inject("long", "x".repeat(100_000))
        const { messages } = yield* useTool("sessions_history", { sessionKey: "long" })
        expect(messages[0].text).toHaveLength(4_001)
      }),
    )
  })
})
