/** The trace of a client on every wire: the call of the model's provider names the client's span as its parent. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as FakeProvider from "../support/FakeProvider.ts"
import { ask } from "../support/HttpRequests.ts"
import { enter } from "../support/OpenClawClient.ts"
import * as TestGateway from "../support/TestGateway.ts"
import * as TestSocket from "../support/TestSocket.ts"

class Fake extends Context.Service<Fake, FakeProvider.FakeProvider>()("test/Fake") {}

const gateway = Layer.unwrap(
  Effect.gen(function* () {
    const fake = yield* FakeProvider.make
    fake.script("short", async (answer) => {
      await answer.text("hello")
      return answer.end()
    })
    return TestGateway.layer({
      model: "fake/short",
      providers: { fake: { kind: "openai", baseUrl: fake.baseUrl.openai, apiKey: "sk-test-key" } },
    }).pipe(Layer.provideMerge(Layer.succeed(Fake, fake)))
  }),
)

const TRACE = "0af7651916cd43dd8448eb211c80319c"
const SPAN = "b7ad6b7169203331"
const traceparent = `00-${TRACE}-${SPAN}-01`

/** Returns the `traceparent` of the next request to the provider, which the effect causes. */
const provoked = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fake = yield* Fake
  const request = fake.nextRequest()
  yield* effect
  const { headers } = yield* Effect.promise(() => request)
  return headers["traceparent"]
})

const post = (path: string, body: object, headers: Record<string, string> = { traceparent }) =>
  ask(path, { body: JSON.stringify(body), headers })

describe("Traces", () => {
  it.layer(gateway, { excludeTestServices: true })((it) => {
    const requests = {
      "a method over HTTP": () => post("/api/rpc/chat.send", { text: "hi", sessionKey: "rest" }),
      "a streaming method over HTTP": () => post("/api/rpc/chat.stream", { text: "hi", sessionKey: "stream" }),
      "a completion": () =>
        post("/v1/chat/completions", { model: "main", messages: [{ role: "user", content: "hi" }] }),
      "a streamed completion": () =>
        post("/v1/chat/completions", { model: "main", stream: true, messages: [{ role: "user", content: "hi" }] }),
      "JSON-RPC over HTTP": () =>
        post("/jsonrpc", { jsonrpc: "2.0", id: 1, method: "chat.send", params: { text: "hi", sessionKey: "json" } }),
      "a tool of MCP": () =>
        post(
          "/mcp",
          {
            jsonrpc: "2.0",
            id: 1,
            method: "tools/call",
            params: {
              name: "sessions_send",
              arguments: { text: "hi", sessionKey: "mcp" },
              _meta: {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
              },
            },
          },
          {
            traceparent,
            accept: "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": "sessions_send",
          },
        ),
    }
    for (const [name, send] of Object.entries(requests)) {
      it.effect(`The run of ${name} belongs to the trace of its request.`, () =>
        Effect.gen(function* () {
          expect(yield* provoked(send())).toBe(traceparent)
        }),
      )
    }

    it.effect("The run of an OpenClaw request belongs to the trace of its frame.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        const params = { sessionKey: "claw", message: "hi", idempotencyKey: "claw-1" }
        const frame = { type: "req", id: "t1", method: "chat.send", params, traceparent }
        expect(yield* provoked(Effect.sync(() => client.send(frame)))).toBe(traceparent)
      }).pipe(Effect.scoped),
    )

    it.effect("The run of a call on /rpc belongs to the span that the caller names.", () =>
      Effect.gen(function* () {
        const { token, wsUrl } = yield* TestGateway.TestGateway
        const socket = yield* TestSocket.connect(`${wsUrl}/rpc`, { headers: { authorization: `Bearer ${token}` } })
        const payload = { text: "hi", sessionKey: "rpc" }
        const request = { _tag: "Request", id: "1", tag: "chat.send", payload, headers: [] }
        const span = { traceId: TRACE, spanId: SPAN, sampled: false }
        const sent = Effect.sync(() => socket.send(JSON.stringify({ ...request, ...span })))
        expect(yield* provoked(sent)).toBe(`00-${TRACE}-${SPAN}-00`)
      }).pipe(Effect.scoped),
    )

    it.effect("A run whose client has no trace gives none to the provider, and a wrong one counts as none.", () =>
      Effect.gen(function* () {
        const send = (value: string | undefined) =>
          post("/api/rpc/chat.send", { text: "hi" }, value === undefined ? {} : { traceparent: value })
        const wrong = [`ff-${TRACE}-${SPAN}-01`, `00-${"0".repeat(32)}-${SPAN}-01`, `00-${TRACE}-${SPAN}`, "hello"]
        for (const value of [undefined, ...wrong]) {
          expect(yield* provoked(send(value))).toBeUndefined()
        }
      }),
    )
  })
})
