/** JsonRpcHttp: JSON-RPC over `POST /jsonrpc`, with one conversation for each request. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { open } from "../../support/JsonRpcClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"

interface Sent {
  readonly body: string | Uint8Array<ArrayBuffer>
  readonly headers?: Record<string, string>
}

const post = Effect.fnUntraced(function* ({ body, headers = {} }: Sent) {
  const { token, url } = yield* TestGateway.TestGateway
  const type = { "content-type": "application/json", authorization: `Bearer ${token}` }
  const response = yield* Effect.promise(() =>
    fetch(`${url}/jsonrpc`, { method: "POST", body, headers: { ...type, ...headers } }),
  )
  const text = yield* Effect.promise(() => response.text())
  return { status: response.status, headers: response.headers, json: text === "" ? undefined : JSON.parse(text) }
})

const call = (method: string, params = {}) => JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })

describe("JsonRpcHttp", () => {
  const gateway = TestGateway.layer({
    limits: { frameBytes: 10_000, authFailureDelayMs: 1 },
    allowedOrigins: ["https://dash.example.org"],
  })
  it.layer(gateway, { excludeTestServices: true })((it) => {
    it.effect("The response to a `send` has the reply of the run.", () =>
      Effect.gen(function* () {
        const { headers, json, status } = yield* post({ body: call("send", { text: "/slow 100 over HTTP" }) })
        expect(status).toBe(200)
        expect(headers.get("content-type")).toBe("application/json")
        expect(json).toMatchObject({ id: 1, result: { reply: "echo: over HTTP" } })
      }),
    )

    it.effect("A batch gets an array, and errors of the protocol have status 200.", () =>
      Effect.gen(function* () {
        const batch = yield* post({ body: `[${call("ping")},${call("no")}]` })
        expect(batch).toMatchObject({ status: 200, json: [{ id: 1 }, { error: { code: -32601 } }] })
        const broken = yield* post({ body: "{" })
        expect(broken).toMatchObject({ status: 200, json: { id: null, error: { code: -32700 } } })
        const bytes = yield* post({ body: new Uint8Array([0x22, 0xc3, 0x28, 0x22]) })
        expect(bytes).toMatchObject({ status: 200, json: { id: null, error: { code: -32700 } } })
      }),
    )

    it.effect("A notification gets status 204 when it is done.", () =>
      Effect.gen(function* () {
        const notification = { jsonrpc: "2.0", method: "chat.inject", params: { sessionKey: "http", text: "noted" } }
        const { json, status } = yield* post({ body: JSON.stringify(notification) })
        expect([status, json]).toEqual([204, undefined])
        const history = yield* post({ body: call("sessions.history", { key: "http" }) })
        expect(history.json).toMatchObject({ result: { messages: [{ text: "noted" }] } })
      }),
    )

    it.effect("A stream gets its last response only, and a subscription fails.", () =>
      Effect.gen(function* () {
        const stream = yield* post({ body: call("chat.stream", { text: "hello", sessionKey: "http-stream" }) })
        expect(stream.json).toEqual({ jsonrpc: "2.0", id: 1, result: null })
        const { json } = yield* post({ body: call("events.subscribe") })
        expect(json).toMatchObject({ error: { code: -32601, message: "Unknown: events.subscribe" } })
      }),
    )

    it.effect("The gateway refuses a missing token, a wrong token and a page of another site.", () =>
      Effect.gen(function* () {
        const body = call("ping")
        const without = yield* post({ body, headers: { authorization: "" } })
        expect([without.status, without.headers.get("www-authenticate")]).toEqual([401, "Bearer"])
        expect((yield* post({ body, headers: { authorization: "Bearer wrong" } })).status).toBe(401)
        expect((yield* post({ body, headers: { origin: "https://evil.example" } })).status).toBe(403)
      }),
    )

    it.effect("A page with an allowed origin passes the preflight and may read every response.", () =>
      Effect.gen(function* () {
        const { url } = yield* TestGateway.TestGateway
        const preflight = (origin: string) =>
          Effect.promise(() =>
            fetch(`${url}/jsonrpc`, {
              method: "OPTIONS",
              headers: {
                origin,
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization,content-type",
              },
            }),
          )
        const origin = "https://dash.example.org"
        const { headers, status } = yield* preflight(origin)
        expect(status).toBe(204)
        expect(headers.get("access-control-allow-origin")).toBe(origin)
        expect(headers.get("access-control-allow-methods")).toBe("POST")
        expect(headers.get("access-control-allow-headers")).toBe("authorization,content-type,last-event-id,traceparent")
        expect((yield* preflight("https://evil.example")).status).toBe(403)
        const bad = [{}, { authorization: "Bearer wrong" }, { "content-type": "text/plain" }]
        for (const more of bad) {
          const answer = yield* post({ body: call("ping"), headers: { origin, ...more } })
          expect(answer.headers.get("access-control-allow-origin")).toBe(origin)
          expect(answer.headers.get("vary")).toBe("Origin")
        }
        const foreign = yield* post({ body: call("ping"), headers: { origin: "https://evil.example" } })
        expect(foreign.headers.get("access-control-allow-origin")).toBeNull()
      }),
    )

    it.effect("The gateway refuses a body of another media type and a body that is too large.", () =>
      Effect.gen(function* () {
        const body = call("ping")
        expect((yield* post({ body, headers: { "content-type": "text/plain" } })).status).toBe(415)
        expect((yield* post({ body, headers: { "content-type": "application/json; charset=utf-8" } })).status).toBe(200)
        expect((yield* post({ body: " ".repeat(10_001) })).status).toBe(413)
        expect((yield* post({ body })).status).toBe(200)
      }),
    )

    it.effect("A request is in the list of connections while it lasts, and never in the presence list.", () =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const client = yield* open()
        yield* client.call("events.subscribe", { topics: ["presence", "chat"] })
        yield* client.itemsUntil(({ _tag }) => _tag === "CaughtUp")
        const { json } = yield* post({ body: call("connections.list") })
        expect(json.result.connections).toContainEqual(
          expect.objectContaining({ dialect: "json-rpc", principal: expect.objectContaining({ role: "operator" }) }),
        )
        yield* client.call("chat.inject", { sessionKey: "present", text: "x" })
        const items = yield* client.itemsUntil(({ event }) => event?._tag === "MessageAdded")
        const present = items.flatMap(({ event }) => (event?._tag === "PresenceChanged" ? event.presence : []))
        expect(present.length).toBeLessThanOrEqual(1)
        expect(connections.size()).toBe(1)
      }),
    )
  })
})
