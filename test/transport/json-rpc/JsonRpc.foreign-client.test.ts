/** JsonRpc: calls, errors, notifications and batches of the client library `json-rpc-2.0`. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import {
  createJSONRPCRequest,
  JSONRPCClient,
  JSONRPCErrorException,
  JSONRPCServer,
  JSONRPCServerAndClient,
} from "json-rpc-2.0"
import { WebSocket } from "ws"
import * as TestGateway from "../../support/TestGateway.ts"

interface Received {
  readonly method: string
  readonly params: any
}

const open = Effect.gen(function* () {
  const { token, wsUrl } = yield* TestGateway.TestGateway
  const socket = yield* Effect.acquireRelease(
    Effect.callback<WebSocket>((resume) => {
      const socket = new WebSocket(`${wsUrl}/ws?token=${token}`)
      socket.once("open", () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.terminate()),
  )
  const received: Array<Received> = []
  const queue = yield* Queue.unbounded<Received>()
  const server = new JSONRPCServer()
  for (const method of ["typing", "$/item"]) {
    server.addMethod(method, (params) => {
      received.push({ method, params })
      Queue.offerUnsafe(queue, { method, params })
    })
  }
  const client = new JSONRPCServerAndClient(
    server,
    new JSONRPCClient((request) => void socket.send(JSON.stringify(request))),
  )
  socket.on("message", (data) => void client.receiveAndSend(JSON.parse(data.toString())))
  const call = (method: string, params = {}) =>
    Effect.tryPromise({
      try: async () => await client.request(method, params),
      catch: (error) => error as JSONRPCErrorException,
    })
  return { call, client, received, next: Queue.take(queue) }
})

describe("JsonRpc with the client json-rpc-2.0", () => {
  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("The client sends a message and receives typing notifications.", () =>
      Effect.gen(function* () {
        const { call, received } = yield* open
        expect(yield* call("send", { text: "hello", peer_id: "foreign" })).toEqual({
          agent_id: "main",
          session_key: "agent:main:direct:foreign",
          reply: "echo: hello",
        })
        expect(received).toEqual([
          { method: "typing", params: { agent_id: "main", typing: true } },
          { method: "typing", params: { agent_id: "main", typing: false } },
        ])
      }),
    )

    it.effect("The client subscribes, receives events and unsubscribes.", () =>
      Effect.gen(function* () {
        const { call, received } = yield* open
        const subscribed = yield* call("events.subscribe", { topics: ["chat"], sessionKey: "foreign" })
        yield* call("chat.inject", { sessionKey: "foreign", text: "noted" })
        yield* call("events.unsubscribe", subscribed)
        yield* call("chat.inject", { sessionKey: "foreign", text: "not received" })
        const items = received.filter(({ method }) => method === "$/item").map(({ params }) => params)
        expect(items.every(({ subscription }) => subscription === subscribed.subscription)).toBe(true)
        const texts = items.flatMap(({ item }) => (item._tag === "Event" ? [item.event.message.text] : []))
        expect(texts).toEqual(["noted"])
      }),
    )

    it.effect("The client receives errors with their codes and data.", () =>
      Effect.gen(function* () {
        const { call } = yield* open
        const errors = yield* Effect.all([
          Effect.flip(call("no.such.method")),
          Effect.flip(call("sessions.get")),
          Effect.flip(call("send")),
          Effect.flip(call("sessions.get", { key: "nowhere" })),
        ])
        expect(errors.every((error) => error instanceof JSONRPCErrorException)).toBe(true)
        expect(errors.map(({ code, message }) => [code, message])).toEqual([
          [-32601, "Unknown: no.such.method"],
          [-32602, "Invalid params"],
          [-32000, "text is required"],
          [-32000, "Session not found"],
        ])
        expect(errors[3].data).toEqual({ _tag: "SessionNotFound", sessionKey: "nowhere" })
      }),
    )

    it.effect("The client sends batches and notifications.", () =>
      Effect.gen(function* () {
        const { call, client, next } = yield* open
        yield* call("events.subscribe", { topics: ["chat"], sessionKey: "noticed" })
        client.notify("chat.inject", { sessionKey: "noticed", text: "quietly" })
        yield* Effect.repeat(next, { until: ({ params }) => params.item._tag === "Event" })
        const answers = yield* Effect.promise(
          async () =>
            await client.requestAdvanced([
              createJSONRPCRequest("a", "sessions.history", { key: "noticed" }),
              createJSONRPCRequest("b", "no.such.method", {}),
            ]),
        )
        expect(answers).toMatchObject([
          { id: "a", result: { messages: [{ text: "quietly" }] } },
          { id: "b", error: { code: -32601 } },
        ])
      }),
    )
  })
})
