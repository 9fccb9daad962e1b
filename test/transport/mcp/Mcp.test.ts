/** Mcp: the gateway as an MCP server, over plain HTTP. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Events } from "../../../src/services/events/Events.ts"
import * as GatewayServer from "../../../src/transport/http/GatewayServer.ts"
import { ContractCalls } from "../../../src/transport/kernel/ContractCalls.ts"
import * as Mcp from "../../../src/transport/mcp/Mcp.ts"
import { kit } from "../../../src/transport/mcp/McpTools.ts"
import { ask, type Sent } from "../../support/HttpRequests.ts"
import { READ_TOKEN, stubServices, TOKEN } from "../../support/StubGateway.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const accept = "application/json, text/event-stream"

const send = (body: object, { headers, ...sent }: Sent = {}) =>
  ask("/mcp", { body: JSON.stringify({ jsonrpc: "2.0", ...body }), headers: { accept, ...headers }, ...sent })

const initializing = {
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
}

/** Begins a session and returns its id. */
const begin = (sent?: Sent) =>
  Effect.map(send(initializing, sent), ({ headers, status }) => {
    expect(status).toBe(200)
    return String(headers["mcp-session-id"])
  })

const inSession = (session: string, method: string, params: object = {}, sent: Sent = {}) =>
  send({ id: 2, method, params }, { ...sent, headers: { ...sent.headers, "mcp-session-id": session } })

const callTool = (session: string, name: string, input: object, sent?: Sent) =>
  Effect.map(inSession(session, "tools/call", { name, arguments: input }, sent), ({ json }) => json.result ?? json)

const textOf = (result: { readonly content: ReadonlyArray<{ readonly text: string }> }) => result.content[0]!.text

/** A gateway with stub handlers and a token that only reads. */
const stub = Layer.effect(
  TestGateway.TestGateway,
  Effect.map(GatewayServer.ListeningAddress, ({ authority, port }) =>
    TestGateway.TestGateway.of({
      port,
      url: `http://${authority}`,
      wsUrl: `ws://${authority}`,
      token: TOKEN,
      stateDir: "",
    }),
  ),
).pipe(
  Layer.provide(GatewayServer.layer(Layer.provide(Mcp.layer, ContractCalls.layer))),
  Layer.provide(stubServices()),
  Layer.provide(Logger.layer([])),
)

describe("Mcp", () => {
  it.layer(TestGateway.layer({ allowedOrigins: ["https://page.example"] }), { excludeTestServices: true })((it) => {
    it.effect("The tools list agents and sessions, and page through a history.", () =>
      Effect.gen(function* () {
        const session = yield* begin()
        for (const text of ["one", "two"]) yield* callTool(session, "sessions_send", { text, sessionKey: "paged" })
        const { structuredContent: agents } = yield* callTool(session, "agents_list", {})
        expect(agents.agents).toContainEqual(expect.objectContaining({ id: "main" }))
        const { structuredContent: listed } = yield* callTool(session, "sessions_list", { search: "paged" })
        expect(listed).toMatchObject({ sessions: [{ key: "paged", agentId: "main", messages: 4 }], nextCursor: null })
        const history = (more: object) =>
          callTool(session, "sessions_history", { sessionKey: "paged", limit: 3, ...more })
        const { structuredContent: newest } = yield* history({})
        expect(newest.messages.map(({ text }: { text: string }) => text)).toEqual(["echo: one", "two", "echo: two"])
        const { structuredContent: older } = yield* history({ before: newest.nextBefore })
        expect(older.messages).toMatchObject([{ role: "user", text: "one" }])
      }),
    )

    it.effect("A tool that waits no longer says that the run goes on.", () =>
      Effect.gen(function* () {
        const session = yield* begin()
        const sent = yield* callTool(session, "sessions_send", {
          text: "/slow 60000 one two",
          sessionKey: "slow",
          waitSeconds: 0,
        })
        expect(sent.structuredContent).toMatchObject({ reply: null, error: "the run goes on: read the history later" })
        const { messages } = (yield* callTool(session, "sessions_history", { sessionKey: "slow" })).structuredContent
        expect(messages).toMatchObject([{ text: "/slow 60000 one two" }])
      }),
    )

    it.effect("A failure of a tool is a result that the model can read.", () =>
      Effect.gen(function* () {
        const session = yield* begin()
        const missing = yield* callTool(session, "sessions_history", { sessionKey: "nowhere" })
        expect([missing.isError, textOf(missing)]).toEqual([true, "Session not found"])
        const wrong = yield* callTool(session, "sessions_history", { sessionKey: "x", limit: 100_000 })
        expect(wrong.isError).toBe(true)
        expect(textOf(wrong)).toContain("limit")
      }),
    )

    it.effect("A resource has the transcript of a session whose key is percent-encoded.", () =>
      Effect.gen(function* () {
        const session = yield* begin()
        const key = `agent:main:a/b c%${"é".repeat(30)}`
        yield* callTool(session, "sessions_send", { text: "hello", sessionKey: key })
        const uri = `causeway://sessions/${encodeURIComponent(key)}`
        const { json } = yield* inSession(session, "resources/read", { uri })
        expect(json.result.contents).toEqual([
          { uri, mimeType: "text/plain", text: "user: hello\n\nassistant: echo: hello" },
        ])
        const unknown = yield* inSession(session, "resources/read", { uri: "causeway://memory/nothing" })
        expect(unknown.json.error.message).toBe("Document not found")
        const templates = yield* inSession(session, "resources/templates/list")
        expect(templates.json.result.resourceTemplates).toMatchObject([
          { uriTemplate: "causeway://sessions/{key}" },
          { uriTemplate: "causeway://memory/{id}" },
        ])
      }),
    )

    it.effect("A client ends its session.", () =>
      Effect.gen(function* () {
        const session = yield* begin()
        const headers = { "mcp-session-id": session }
        expect((yield* ask("/mcp", { method: "DELETE", headers })).status).toBe(204)
        expect((yield* ask("/mcp", { method: "DELETE", headers })).status).toBe(404)
        expect((yield* inSession(session, "tools/list")).status).toBe(404)
      }),
    )

    it.effect("A request that begins a session is small.", () =>
      Effect.gen(function* () {
        const capabilities = { experimental: { x: { text: "x".repeat(20_000) } } }
        const answer = yield* send({ ...initializing, params: { ...initializing.params, capabilities } })
        expect([answer.status, answer.json.error.message]).toEqual([
          413,
          "a request that begins an MCP session may have 16384 bytes at most",
        ])
      }),
    )

    it.effect("The 257th session ends the first one.", () =>
      Effect.gen(function* () {
        const first = yield* begin()
        yield* Effect.replicateEffect(begin(), 255, { concurrency: 16, discard: true })
        expect((yield* inSession(first, "tools/list")).status).toBe(200)
        yield* Effect.replicateEffect(begin(), 256, { concurrency: 16, discard: true })
        expect((yield* inSession(first, "tools/list")).status).toBe(404)
      }),
    )

    it.effect("The run of a client that leaves goes on.", () =>
      Effect.gen(function* () {
        const session = yield* begin()
        const events = yield* Events
        const outcomes = events.subscribe({ topics: ["chat"], sessionKey: "left" }, events.head()).pipe(
          Stream.filter((item) => item._tag === "Event" && /^Run(Started|Ended)$/.test(item.event._tag)),
          Stream.map((item) => (item._tag === "Event" ? item.event : undefined)),
        )
        const input = { text: "/slow 200 one two", sessionKey: "left" }
        const leaving = yield* Effect.forkChild(callTool(session, "sessions_send", input))
        yield* Stream.runHead(outcomes)
        yield* Fiber.interrupt(leaving)
        const ended = yield* Stream.runHead(Stream.filter(outcomes, (event) => event?._tag === "RunEnded"))
        expect(Option.getOrUndefined(ended)).toMatchObject({ outcome: "done" })
      }),
    )

    it.effect("A page of an allowed origin may send and read the headers of MCP.", () =>
      Effect.gen(function* () {
        const origin = "https://page.example"
        const preflight = yield* ask("/mcp", { method: "OPTIONS", token: null, headers: { origin } })
        expect(preflight.headers["access-control-allow-headers"]).toContain("mcp-session-id")
        const answer = yield* send(initializing, { headers: { origin } })
        expect(answer.status).toBe(200)
        expect(answer.headers["access-control-expose-headers"]).toContain("mcp-session-id")
      }),
    )
  })

  it.layer(stub, { excludeTestServices: true })("with tokens of two principals", (it) => {
    const inputs: Readonly<Record<string, readonly [input: object, isWrite: boolean]>> = {
      agents_list: [{}, false],
      sessions_list: [{}, false],
      sessions_history: [{ sessionKey: "x" }, false],
      sessions_send: [{ text: "hello" }, true],
      memory_list: [{}, false],
      memory_read: [{ id: "5" }, false],
      memory_write: [{ id: "x", content: "" }, true],
    }

    it("The table of the next tests has every tool.", () => {
      expect(Object.keys(kit.tools).toSorted()).toEqual(Object.keys(inputs).toSorted())
    })

    for (const [name, [input, isWrite]] of Object.entries(inputs)) {
      it.effect(`The tool ${name} ${isWrite ? "needs the scope operator.write" : "is for readers"}.`, () =>
        Effect.gen(function* () {
          const session = yield* begin({ token: READ_TOKEN })
          const result = yield* callTool(session, name, input, { token: READ_TOKEN })
          if (isWrite) expect(textOf(result)).toBe("the token lacks the scope operator.write")
          else expect(JSON.stringify(result)).not.toContain("scope")
          expect(JSON.stringify(result)).not.toContain("a secret of this handler")
        }),
      )
    }

    it.effect("Resources are for readers.", () =>
      Effect.gen(function* () {
        const session = yield* begin({ token: READ_TOKEN })
        const { json } = yield* inSession(
          session,
          "resources/read",
          { uri: "causeway://memory/5" },
          { token: READ_TOKEN },
        )
        expect(json.result.contents).toMatchObject([{ text: "xxxxx" }])
      }),
    )

    it.effect("A principal can neither use nor end the session of another one.", () =>
      Effect.gen(function* () {
        const session = yield* begin()
        const other = { token: READ_TOKEN }
        expect((yield* inSession(session, "tools/list", {}, other)).status).toBe(404)
        const headers = { "mcp-session-id": session }
        expect((yield* ask("/mcp", { method: "DELETE", headers, ...other })).status).toBe(404)
        expect((yield* inSession(session, "tools/list")).status).toBe(200)
      }),
    )
  })
})
