/** Malformed requests to the MCP server. Each gets the listed status, and its calls change nothing. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { ask, type Sent } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

type Row = readonly [name: string, sent: Sent, status: number]

const accept = "application/json, text/event-stream"

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
}

/** A body that is no request gets a JSON-RPC error with 200. */
const text = (name: string, body: string | Buffer, status = 200): Row => [name, { body, headers: { accept } }, status]

const valid = JSON.stringify(initialize)

const rows: ReadonlyArray<Row> = [
  text("no JSON", "hello"),
  text("half of an object", '{"jsonrpc":"2.0"'),
  text("an empty body", " "),
  text("null", "null"),
  text("a number", "5"),
  text("an empty batch", "[]", 400),
  text("no method", '{"jsonrpc":"2.0","id":1}'),
  text("a call without a session", '{"jsonrpc":"2.0","id":1,"method":"tools/list"}', 400),
  text("JSON that nests too deep", "[".repeat(100_000)),
  ["a body above the limit", { body: " ".repeat(200_001), headers: { accept } }, 413],
  ["another media type", { body: valid, headers: { accept, "content-type": "text/plain" } }, 415],
  ["no Accept", { body: valid }, 406],
  ["an Accept without streams", { body: valid, headers: { accept: "application/json" } }, 406],
  ["GET", {}, 405],
  ["PUT", { method: "PUT", body: valid }, 405],
  ["no token", { body: valid, token: null, headers: { accept } }, 401],
  ["a wrong token", { body: valid, token: "wrong", headers: { accept } }, 401],
  ["a page of another site", { body: valid, headers: { accept, origin: "https://evil.example" } }, 403],
  [
    "an unknown session",
    { body: valid.replace("initialize", "tools/list"), headers: { accept, "mcp-session-id": "x" } },
    404,
  ],
]

const gateway = TestGateway.layer({ limits: { frameBytes: 200_000, authFailures: 100, authFailureDelayMs: 0 } })

layer(gateway, { excludeTestServices: true })("Mcp, malformed requests", (it) => {
  for (const [name, sent, status] of rows) {
    it.effect(`A request with ${name} gets ${status}.`, () =>
      Effect.gen(function* () {
        const answer = yield* ask("/mcp", sent)
        expect(answer.status).toBe(status)
        if (status === 200) expect(answer.json).toMatchObject({ error: { code: expect.any(Number) } })
        expect((yield* Sessions).count()).toBe(0)
      }),
    )
  }
})
