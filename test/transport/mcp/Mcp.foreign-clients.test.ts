/** Mcp: the official clients of the Model Context Protocol against the gateway. */
import { expect, layer } from "@effect/vitest"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import * as Effect from "effect/Effect"
import * as TestGateway from "../../support/TestGateway.ts"

layer(TestGateway.layer(), { excludeTestServices: true })("Mcp with foreign clients", (it) => {
  it.effect("The official SDK lists the tools, sends a message, and reads the history.", () =>
    Effect.gen(function* () {
      const { url } = yield* TestGateway.TestGateway
      const headers = { authorization: `Bearer ${TestGateway.TOKEN}` }
      const client = new Client({ name: "test", version: "1" })
      const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } })
      yield* Effect.promise(() => client.connect(transport))
      const { tools } = yield* Effect.promise(() => client.listTools())
      expect(tools.map(({ name }) => name)).toContain("sessions_send")
      const sent = yield* Effect.promise(() =>
        client.callTool({ name: "sessions_send", arguments: { text: "hello", sessionKey: "mcp" } }),
      )
      expect(sent.structuredContent).toMatchObject({ sessionKey: "mcp", state: "done", reply: "echo: hello" })
      const read = yield* Effect.promise(() => client.readResource({ uri: "causeway://sessions/mcp" }))
      expect(JSON.stringify(read.contents)).toContain("assistant: echo: hello")
      yield* Effect.promise(() => client.close())
    }),
  )
})
