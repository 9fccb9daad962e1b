/** Malformed requests to the MCP server. Each gets the listed status, and its calls change nothing. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { ask, type Sent } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

/** `status`: of the response. `code`: of the JSON-RPC error in it. Some responses of the server have no body. */
type Row = readonly [name: string, sent: Sent, status: number, code?: number | undefined]

const accept = "application/json, text/event-stream"

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
}

const valid = JSON.stringify(initialize)

const PARSE_ERROR = -32_700
const INVALID_REQUEST = -32_600
const METHOD_NOT_FOUND = -32_601
const INVALID_PARAMS = -32_602
const HEADER_MISMATCH = -32_020
const SERVER = -32_000

const text = (name: string, body: string | Buffer, code: number, status = 200): Row => [
  name,
  { body, headers: { accept } },
  status,
  code,
]

const http = (name: string, sent: Sent, status: number, code?: number): Row => [
  name,
  { body: valid, ...sent, headers: { accept, ...sent.headers } },
  status,
  code,
]

/** A request of the protocol without sessions. */
const modern = (name: string, request: object, headers: Record<string, string>, status: number, code: number): Row => [
  name,
  {
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...request }),
    headers: { accept, "mcp-protocol-version": "2026-07-28", ...headers },
  },
  status,
  code,
]

const _meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
}

const rows: ReadonlyArray<Row> = [
  text("no JSON", "hello", PARSE_ERROR),
  text("half of an object", '{"jsonrpc":"2.0"', PARSE_ERROR),
  text("a space as its body", " ", PARSE_ERROR),
  text("bytes that are not UTF-8", Buffer.from([0x22, 0xc3, 0x28, 0x22]), INVALID_REQUEST, 400),
  text("null", "null", INVALID_REQUEST),
  text("a number", "5", INVALID_REQUEST),
  text("a text", '"initialize"', INVALID_REQUEST),
  text("an empty batch", "[]", INVALID_REQUEST, 400),
  text("no method", '{"jsonrpc":"2.0","id":1}', INVALID_REQUEST),
  text("a method that is a number", '{"jsonrpc":"2.0","id":1,"method":5}', INVALID_REQUEST),
  text("no version of JSON-RPC", '{"id":1,"method":"initialize"}', INVALID_REQUEST),
  text("an old version of JSON-RPC", '{"jsonrpc":"1.0","id":1,"method":"initialize"}', INVALID_REQUEST),
  text("an object as its id", '{"jsonrpc":"2.0","id":{},"method":"initialize"}', INVALID_REQUEST),
  text("result and error at once", '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', INVALID_REQUEST),
  text("a call outside of a session", '{"jsonrpc":"2.0","id":1,"method":"tools/list"}', INVALID_REQUEST, 400),
  text("an unknown method outside of a session", '{"jsonrpc":"2.0","id":1,"method":"x"}', INVALID_REQUEST, 400),
  text("an initialize without params", '{"jsonrpc":"2.0","id":1,"method":"initialize"}', INVALID_PARAMS),
  text("an initialize without a client", valid.replace('"clientInfo"', '"x"'), INVALID_PARAMS),
  text("capabilities that are a list", valid.replace('"capabilities":{}', '"capabilities":[]'), INVALID_PARAMS),
  text("JSON that nests too deep", "[".repeat(100_000), INVALID_REQUEST, 400),
  text("a body above the limit", " ".repeat(200_001), SERVER, 413),
  http("another media type", { headers: { "content-type": "text/plain" } }, 415, SERVER),
  http("a longer media type", { headers: { "content-type": "application/jsonp" } }, 415, SERVER),
  http("no Accept", { headers: { accept: "" } }, 406),
  http("an Accept without streams", { headers: { accept: "application/json" } }, 406),
  http("an Accept that excludes JSON", { headers: { accept: "application/json;q=0, text/event-stream" } }, 406),
  http("PUT", { method: "PUT" }, 405, SERVER),
  http("PATCH", { method: "PATCH" }, 405, SERVER),
  ["GET", {}, 405, SERVER],
  ["DELETE outside of a session", { method: "DELETE" }, 400],
  ["DELETE of an unknown session", { method: "DELETE", headers: { "mcp-session-id": "x" } }, 404, SERVER],
  http("no token", { token: null }, 401, SERVER),
  http("a wrong token", { token: "wrong" }, 401, SERVER),
  http("a page of another site", { headers: { origin: "https://evil.example" } }, 403),
  http("an unknown session", { headers: { "mcp-session-id": "x" } }, 404, SERVER),
  http("an inherited member as its session", { headers: { "mcp-session-id": "constructor" } }, 404, SERVER),
  modern("no metadata", { method: "tools/list" }, { "mcp-method": "tools/list" }, 400, INVALID_PARAMS),
  modern("no method in the headers", { method: "tools/list", params: { _meta } }, {}, 400, HEADER_MISMATCH),
  modern(
    "another method in the headers",
    { method: "tools/list", params: { _meta } },
    { "mcp-method": "tools/call" },
    400,
    HEADER_MISMATCH,
  ),
  modern("an unknown method", { method: "x/y", params: { _meta } }, { "mcp-method": "x/y" }, 404, METHOD_NOT_FOUND),
  modern(
    "no tool in the headers",
    { method: "tools/call", params: { _meta, name: "agents_list" } },
    { "mcp-method": "tools/call" },
    400,
    HEADER_MISMATCH,
  ),
  modern(
    "an unknown tool",
    { method: "tools/call", params: { _meta, name: "x" } },
    { "mcp-method": "tools/call", "mcp-name": "x" },
    200,
    INVALID_PARAMS,
  ),
  modern(
    "an unknown resource",
    { method: "resources/read", params: { _meta, uri: "file:///etc/passwd" } },
    { "mcp-method": "resources/read", "mcp-name": "file:///etc/passwd" },
    200,
    INVALID_PARAMS,
  ),
  modern(
    "an unknown version",
    { method: "tools/list", params: { _meta: { ..._meta, "io.modelcontextprotocol/protocolVersion": "2099-01-01" } } },
    { "mcp-method": "tools/list", "mcp-protocol-version": "2099-01-01" },
    400,
    -32_022,
  ),
  ["a longer path", { body: valid }, 404, SERVER],
]

const gateway = TestGateway.layer({ limits: { frameBytes: 200_000, authFailures: 100, authFailureDelayMs: 0 } })

layer(gateway, { excludeTestServices: true })("Mcp, malformed requests", (it) => {
  for (const [name, sent, status, code] of rows) {
    it.effect(`A request with ${name} gets ${status}.`, () =>
      Effect.gen(function* () {
        const answer = yield* ask(name === "a longer path" ? "/mcp/more" : "/mcp", sent)
        expect([answer.status, answer.json?.error?.code]).toEqual([status, code])
        expect(answer.headers["mcp-session-id"]).toBeUndefined()
        expect(answer.text.length).toBeLessThan(3_000)
        expect((yield* Sessions).count()).toBe(0)
      }),
    )
  }
})
