/** The MCP servers of the configuration that a command-line agent gets with its session. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { GatewaySettings } from "../../../../src/domain/GatewayConfig.ts"
import { AgentRuntimes } from "../../../../src/services/agents/AgentRuntimes.ts"
import { ask, layer } from "../../../support/AcpConversations.ts"

const mcp = {
  files: { command: "mcp-files", args: ["/data"], env: { TOKEN: "mcp-secret-value" } },
  web: { url: "https://mcp.example.org/mcp", headers: { authorization: "Bearer mcp-header-value" } },
  other: { command: "not-for-the-agent" },
}

const agent = (mode: string, ...names: ReadonlyArray<string>) =>
  layer({ mode, config: { mcp }, settings: { mcp: names } })

describe("The MCP servers of a command-line agent", () => {
  it.live("The agent gets the servers that its configuration names, with their variables and headers.", () =>
    Effect.gen(function* () {
      const { reply = "[]" } = yield* ask("servers", "s")
      const [files, web, ...others] = JSON.parse(reply)
      expect(files).toMatchObject({ name: "files", command: "mcp-files", args: ["/data"] })
      expect(files.env).toContainEqual({ name: "TOKEN", value: "mcp-secret-value" })
      expect(web).toEqual({
        type: "http",
        name: "web",
        url: "https://mcp.example.org/mcp",
        headers: [{ name: "authorization", value: "Bearer mcp-header-value" }],
      })
      expect(others).toEqual([])
    }).pipe(Effect.provide(agent("http", "files", "web"))),
  )

  it.live(
    "After a reload, a new process of the agent gets the new servers, and a process that runs keeps the old ones.",
    () =>
      Effect.gen(function* () {
        const { reload } = yield* AgentRuntimes
        yield* ask("servers", "before")
        const web = { url: "https://new.example.org/mcp", headers: { authorization: "Bearer new-header-value" } }
        reload(yield* Schema.decodeEffect(GatewaySettings)({ mcp: { web } }))
        const { reply = "[]" } = yield* ask("servers", "after")
        expect(JSON.parse(reply)).toMatchObject([{ name: "web", url: "https://new.example.org/mcp" }])
        expect((yield* ask("servers", "before")).reply).toContain("https://mcp.example.org/mcp")
      }).pipe(Effect.provide(agent("http", "web"))),
  )

  it.live("Without a name in its configuration the agent gets none.", () =>
    Effect.gen(function* () {
      expect((yield* ask("servers", "s")).reply).toBe("[]")
    }).pipe(Effect.provide(agent("http"))),
  )

  it.live("A run fails with the reason if the agent takes no remote servers.", () =>
    Effect.gen(function* () {
      expect((yield* ask("servers", "s")).error).toMatchObject({
        kind: "configuration",
        message: expect.stringMatching(/^acp\/test takes local MCP servers only, and "web" is remote\./),
      })
    }).pipe(Effect.provide(agent("", "web"))),
  )

  it.live("A run fails with the reason if the configuration has no such server.", () =>
    Effect.gen(function* () {
      expect((yield* ask("servers", "s")).error?.message).toMatch(/wants the MCP server "toString", and the option mcp/)
    }).pipe(Effect.provide(agent("", "toString"))),
  )
})
