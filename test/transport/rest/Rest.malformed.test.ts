/**
 * Malformed requests to REST. Each gets the listed status, as a problem if the gateway could read the request line, and
 * calls nothing.
 */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ask, raw, type Sent } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const PING = "/api/rpc/ping"
const LIST = "/api/rpc/sessions.list"

type Row = readonly [name: string, path: string, sent: Sent, status: number]

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`

/** Bodies that are not JSON, or not the JSON of a payload. */
const bodies: ReadonlyArray<Row> = [
  ["an empty text", LIST, { body: " " }, 400],
  ["no JSON", LIST, { body: "limit=5" }, 400],
  ["half of an object", LIST, { body: '{"limit":' }, 400],
  ["two objects", LIST, { body: "{}{}" }, 400],
  ["a trailing comma", LIST, { body: '{"limit":5,}' }, 400],
  ["single quotes", LIST, { body: "{'limit':5}" }, 400],
  ["NaN", LIST, { body: '{"limit":NaN}' }, 400],
  ["a byte order mark before no JSON", LIST, { body: "\uFEFFx" }, 400],
  ["a lone zero byte", LIST, { body: "\0" }, 400],
  ["bytes that are not UTF-8", LIST, { body: Buffer.from([0x22, 0xc3, 0x28, 0x22]) }, 400],
  ["half of a character in UTF-8", LIST, { body: Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]) }, 400],
  ["UTF-16", LIST, { body: Buffer.from('{"limit":5}', "utf16le") }, 400],
  ["null", LIST, { body: "null" }, 400],
  ["a number", LIST, { body: "42" }, 400],
  ["a text", LIST, { body: '"limit"' }, 400],
  ["a list", LIST, { body: '[{"limit":5}]' }, 400],
  ["deeper than the limit", LIST, { body: nested(65) }, 400],
  ["much deeper than the limit", LIST, { body: nested(4_000) }, 400],
  ["a field of another type", LIST, { body: '{"limit":"5"}' }, 400],
  ["a number out of range", LIST, { body: '{"limit":1e9}' }, 400],
  ["a number that is not whole", LIST, { body: '{"limit":1.5}' }, 400],
  ["a missing field", "/api/rpc/sessions.get", { body: "{}" }, 400],
  ["no body for a method that needs one", "/api/rpc/sessions.get", { method: "POST" }, 400],
  ["a key with a control character", "/api/rpc/sessions.get", { body: '{"key":"a\\u0000b"}' }, 400],
  ["a key with half of a character", "/api/rpc/sessions.get", { body: '{"key":"a\\ud800"}' }, 404],
  ["a key by inheritance", "/api/rpc/sessions.get", { body: '{"__proto__":{"key":"x"}}' }, 400],
  ["a key that is too long", "/api/rpc/sessions.get", { body: JSON.stringify({ key: "x".repeat(2_049) }) }, 400],
  ["a body above the limit", LIST, { body: " ".repeat(10_001) }, 413],
]

/** Requests whose method, path or headers are wrong. */
const requests: ReadonlyArray<Row> = [
  ["another media type", PING, { body: "{}", headers: { "content-type": "text/plain" } }, 415],
  ["a form", PING, { body: "a=1", headers: { "content-type": "application/x-www-form-urlencoded" } }, 415],
  ["a media type that begins like JSON", PING, { body: "{}", headers: { "content-type": "application/jsonx" } }, 415],
  ["an unacceptable answer", PING, { body: "{}", headers: { accept: "image/png" } }, 406],
  ["GET", PING, {}, 405],
  ["HEAD", PING, { method: "HEAD" }, 405],
  ["PUT", PING, { method: "PUT", body: "{}" }, 405],
  ["DELETE", PING, { method: "DELETE" }, 405],
  ["no method name", "/api/rpc/", { body: "{}" }, 404],
  ["an unknown method", "/api/rpc/no.such", { body: "{}" }, 404],
  ["an inherited member as the method", "/api/rpc/constructor", { body: "{}" }, 404],
  ["__proto__ as the method", "/api/rpc/__proto__", { body: "{}" }, 404],
  ["the method that authenticates connections", "/api/rpc/authenticate", { body: '{"token":"x"}' }, 404],
  ["a method in capitals", "/api/rpc/PING", { body: "{}" }, 404],
  ["a method with a path behind it", "/api/rpc/ping/x", { body: "{}" }, 404],
  ["a method name of 300 letters", `/api/rpc/${"x".repeat(300)}`, { body: "{}" }, 404],
  ["a percent sign that escapes nothing", "/api/rpc/%zz", { body: "{}" }, 404],
  ["a path out of the folder", "/api/rpc/..%2fsessions", { body: "{}" }, 404],
  ["no token", PING, { body: "{}", token: null }, 401],
  ["a wrong token", PING, { body: "{}", token: "wrong" }, 401],
  ["another scheme", PING, { body: "{}", token: null, headers: { authorization: "Basic YTpi" } }, 401],
  ["a page of another site", PING, { body: "{}", headers: { origin: "https://evil.example" } }, 403],
]

const head = (lines: ReadonlyArray<string>) =>
  [`POST ${PING} HTTP/1.1`, "Host: localhost", `Authorization: Bearer ${TestGateway.TOKEN}`, ...lines, "", ""].join(
    "\r\n",
  )

const json = "Content-Type: application/json"

/** Bytes that are no request, or two requests for one of two readers. */
const bytes: ReadonlyArray<readonly [name: string, bytes: string, status: number]> = [
  ["no HTTP", "hello\r\n\r\n", 400],
  ["a length and chunks", `${head([json, "Content-Length: 2", "Transfer-Encoding: chunked"])}0\r\n\r\n`, 400],
  ["two lengths", `${head([json, "Content-Length: 2", "Content-Length: 3"])}{}`, 400],
  ["a negative length", `${head([json, "Content-Length: -2"])}{}`, 400],
  ["a length with a sign", `${head([json, "Content-Length: +2"])}{}`, 400],
  ["a chunk size that is no number", `${head([json, "Transfer-Encoding: chunked"])}zz\r\n{}\r\n0\r\n\r\n`, 400],
  ["an unknown transfer encoding", `${head([json, "Transfer-Encoding: gzip"])}{}`, 400],
  ["a folded header", head([json, "X-A: 1\r\n 2", "Content-Length: 0", "Connection: close"]), 400],
  ["a space before the colon", head([json, "Content-Length : 0", "Connection: close"]), 400],
  ["a header flood", head(Array.from({ length: 1_000 }, (_, i) => `X-${i}: ${"x".repeat(100)}`)), 431],
  ["a long header", head([`X-A: ${"x".repeat(20_000)}`]), 431],
  [
    "chunks above the limit",
    `${head([json, "Transfer-Encoding: chunked"])}4e20\r\n${" ".repeat(20_000)}\r\n0\r\n\r\n`,
    413,
  ],
  ["a length above the limit, without the body", head([json, "Content-Length: 99999999999"]), 413],
]

const gateway = TestGateway.layer({ limits: { frameBytes: 10_000, authFailures: 100, authFailureDelayMs: 0 } })

layer(gateway, { excludeTestServices: true })("Rest, malformed requests", (it) => {
  for (const [name, path, sent, status] of [...bodies, ...requests]) {
    it.effect(`A request with ${name} gets ${status}.`, () =>
      Effect.gen(function* () {
        const answer = yield* ask(path, sent)
        expect(answer.status).toBe(status)
        if (sent.method === "HEAD" || status === 403) return
        expect(answer.headers["content-type"]).toBe("application/problem+json")
        expect(answer.json).toMatchObject({ type: "about:blank", status, detail: expect.any(String) })
        expect((yield* ask(PING, { method: "POST" })).status).toBe(200)
      }),
    )
  }

  describe("bytes", () => {
    for (const [name, sent, status] of bytes) {
      it.effect(`Bytes with ${name} get ${status}, and the gateway closes the connection.`, () =>
        Effect.gen(function* () {
          expect((yield* raw(sent)).status).toBe(status)
        }),
      )
    }
  })
})
