import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { Tools } from "../../../src/services/tools/Tools.ts"
import { cli, failure, json } from "../../support/CommandLine.ts"
import * as TestGateway from "../../support/TestGateway.ts"

layer(TestGateway.layer(), { excludeTestServices: true })("causeway tools", (it) => {
  it.effect("The list has the tools with the permissions of the agent and their sources.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      yield* agents.create({ id: "luna", name: "Luna", tools: { time: "deny" } })
      const all = yield* cli("tools")
      expect(all.stdout).toMatch(/^TOOL +PERMISSION +SOURCE +DESCRIPTION/)
      expect(all.stdout).toMatch(/^time +allow +gateway +Returns the current date/m)
      expect(all.stdout).toMatch(/^memory_write +ask +gateway/m)
      expect((yield* cli("tools", "--agent", "luna")).stdout).toMatch(/^time +deny/m)
      expect(json(yield* cli("tools", "--json"))).toMatchObject({ agentId: "main", sources: [] })
      expect(failure(yield* cli("tools", "--agent", "nobody")).line).toContain('no agent "nobody"')
    }),
  )

  it.effect("A source that failed is named with its problem.", () =>
    Effect.gen(function* () {
      const tools = yield* Tools
      const set = yield* tools.addSource("mcp/files")
      expect((yield* cli("tools")).stdout).toContain("mcp/files is starting")
      set("failed", "the program was not found")
      expect((yield* cli("tools")).stdout).toContain("mcp/files is not there: the program was not found")
      set("ready")
      expect((yield* cli("tools")).stdout).not.toContain("mcp/files")
    }),
  )
})

layer(TestGateway.layer(), { excludeTestServices: true })("causeway sessions list", (it) => {
  it.effect("Spawned sessions show their parent, and can be listed by it.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* sessions.create({ key: "parent" })
      expect((yield* cli("sessions", "list")).stdout).not.toContain("SPAWNED BY")
      yield* sessions.create({ key: "child", parentKey: "parent" })
      expect((yield* cli("sessions", "list")).stdout).toMatch(/^child .* parent/m)
      const { stdout } = yield* cli("sessions", "list", "--spawned-by", "parent")
      expect(stdout.trim().split("\n")).toHaveLength(2)
    }),
  )
})
