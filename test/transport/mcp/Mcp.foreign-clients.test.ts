/** Mcp: foreign clients of the Model Context Protocol against the gateway. */
import { createMCPClient } from "@ai-sdk/mcp"
import { expect, layer } from "@effect/vitest"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import * as Effect from "effect/Effect"
import * as TestGateway from "../../support/TestGateway.ts"

const headers = { authorization: `Bearer ${TestGateway.TOKEN}` }

layer(TestGateway.layer(), { excludeTestServices: true })("Mcp with foreign clients", (it) => {
  it.effect("The official client sends a message, reads the transcript, and ends its session.", () =>
    Effect.gen(function* () {
      const { url } = yield* TestGateway.TestGateway
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => new Client({ name: "test", version: "1" })),
        (client) => Effect.promise(() => client.close()),
      )
      const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } })
      yield* Effect.promise(() => client.connect(transport))
      expect(transport.protocolVersion).toBe("2025-11-25")
      expect(client.getServerVersion()).toMatchObject({ name: "causeway" })
      const { tools } = yield* Effect.promise(() => client.listTools())
      const byName = new Map(tools.map((tool) => [tool.name, tool]))
      expect(byName.get("sessions_history")?.annotations?.readOnlyHint).toBe(true)
      expect(byName.get("memory_write")?.annotations?.readOnlyHint).toBe(false)
      const sent = yield* Effect.promise(() =>
        client.callTool({ name: "sessions_send", arguments: { text: "hello", sessionKey: "mcp" } }),
      )
      expect(sent.structuredContent).toMatchObject({ sessionKey: "mcp", state: "done", reply: "echo: hello" })
      const read = yield* Effect.promise(() => client.readResource({ uri: "causeway://sessions/mcp" }))
      expect(read.contents).toMatchObject([{ mimeType: "text/plain", text: "user: hello\n\nassistant: echo: hello" }])
      yield* Effect.promise(() => transport.terminateSession())
      expect(transport.sessionId).toBeUndefined()
    }),
  )

  it.effect("The client of the AI SDK, which has no session, calls the tools and reads a document.", () =>
    Effect.gen(function* () {
      const { url } = yield* TestGateway.TestGateway
      const client = yield* Effect.acquireRelease(
        Effect.promise(() => createMCPClient({ transport: { type: "http", url: `${url}/mcp`, headers } })),
        (client) => Effect.promise(() => client.close()),
      )
      const tools = yield* Effect.promise(() => client.tools())
      const run = (name: string, input: object) =>
        Effect.promise(async () => tools[name]!.execute!(input, { toolCallId: "1", messages: [], context: {} }))
      expect(yield* run("memory_write", { id: "notes", content: "# Notes" })).toMatchObject({
        structuredContent: { id: "notes", size: 7 },
      })
      expect(yield* run("sessions_send", { text: "hello", sessionKey: "ai" })).toMatchObject({
        structuredContent: { state: "done", reply: "echo: hello" },
      })
      expect(yield* run("memory_read", { id: "nothing" })).toMatchObject({
        isError: true,
        content: [{ type: "text", text: "Document not found" }],
      })
      const { contents } = yield* Effect.promise(() => client.readResource({ uri: "causeway://memory/notes" }))
      expect(contents).toMatchObject([{ mimeType: "text/markdown", text: "# Notes" }])
    }),
  )
})
