/**
 * OpenClaw: Control Center as a client. It speaks protocol 3, reads `result` and `params`, expects numbers as error codes,
 * and takes the first frame after `connect` for the answer. The tests read frames like its program.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { enter, type Frame, open, type OpenClawClient } from "../../support/OpenClawClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"

/** The frames that its JSON decoder accepts. A field of another type ends its connection. */
const WsFrame = Schema.Struct({
  type: Schema.Literals(["res", "event"]),
  id: Schema.optionalKey(Schema.String),
  event: Schema.optionalKey(Schema.String),
  params: Schema.optionalKey(Schema.Unknown),
  result: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.Struct({ code: Schema.Int, message: Schema.String })),
})
const decode = Schema.decodeUnknownSync(WsFrame)

const HelloOk = Schema.Struct({
  connId: Schema.NonEmptyString,
  features: Schema.Struct({ methods: Schema.Array(Schema.String), events: Schema.Array(Schema.String) }),
})
const decodeHello = Schema.decodeUnknownSync(HelloOk)

const params = (token: string) => ({
  minProtocol: 3,
  maxProtocol: 3,
  client: { id: "control-center", version: "1.0", platform: "server", mode: "operator" },
  role: "operator",
  scopes: ["operator.read"],
  auth: { token },
})

const send = (client: OpenClawClient, id: string, method: string, params: object = {}) =>
  client.send({ type: "req", id, method, params })

/** Waits for the answer to the request, and checks that Control Center can read every frame before it. */
const answerTo = (client: OpenClawClient, id: string) =>
  client.socket.find((text) => {
    const frame = decode(JSON.parse(text))
    return frame.type === "res" && frame.id === id ? frame : undefined
  })

const connected = Effect.gen(function* () {
  const client = yield* open("/")
  const { token } = yield* TestGateway.TestGateway
  const hello = yield* client.connect(params(token))
  return { client, hello }
})

describe("Control Center", () => {
  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("Control Center connects, reads its lists and gets changes.", () =>
      Effect.gen(function* () {
        // Another client makes events all the time. None may come between `connect` and its answer.
        const { client: busy } = yield* enter()
        const noise = yield* Effect.forkChild(
          Effect.forever(busy.ask("chat.inject", { sessionKey: "agent:main:main", message: "noise" })),
        )
        const { client, hello } = yield* connected
        expect(decode(hello)).toMatchObject({ type: "res", id: "hello" })
        const { connId, features } = decodeHello(hello.result)
        expect(connId).toBe(hello.result.server.connId)
        expect(features.methods).toContain("sessions.list")
        expect(hello.payload).toBeUndefined()

        send(client, "a", "agents.list")
        send(client, "s", "sessions.list")
        expect((yield* answerTo(client, "a")).result).toMatchObject({ agents: [{ id: "main" }] })
        expect((yield* answerTo(client, "s")).result).toMatchObject({ sessions: expect.any(Array) })

        // Control Center does not subscribe to events.
        const paramsOf = (event: string, part = "") =>
          client.socket.find((text) => {
            const frame = decode(JSON.parse(text))
            return frame.event === event && text.includes(part) ? frame.params : undefined
          })
        expect(yield* paramsOf("sessions.changed")).toMatchObject({ sessionKey: "agent:main:main" })
        yield* Fiber.interrupt(noise)
        yield* enter({ client: { id: "new-client", mode: "test" } })
        expect(yield* paramsOf("presence", "new-client")).toMatchObject({ presence: expect.any(Array) })
        const { client: operator } = yield* enter()
        yield* operator.ask("agents.update", { agentId: "main", name: "Renamed" })
        expect(yield* paramsOf("agent.config")).toMatchObject({ agentId: "main", name: "Renamed" })
      }),
    )

    it.effect("Control Center gets numbers as error codes, also for a failed handshake.", () =>
      Effect.gen(function* () {
        const { client } = yield* connected
        send(client, "u", "no.such.method")
        expect((yield* answerTo(client, "u")).error).toEqual({ code: 400, message: "unknown method: no.such.method" })
        send(client, "f", "config.set", { raw: "{}" })
        expect((yield* answerTo(client, "f")).error?.code).toEqual(expect.any(Number))

        const stranger = yield* open("/")
        const refused = yield* stranger.connect(params("wrong"))
        expect(decode(refused).error?.code).toBe(400)
        expect((yield* stranger.socket.closed).code).toBe(1008)
      }),
    )

    it.effect("Other clients of protocol 3 do not get the frames of Control Center.", () =>
      Effect.gen(function* () {
        yield* connected
        const { client } = yield* enter({ minProtocol: 3, maxProtocol: 3 })
        // `client.ask` would skip an event that comes before the answer.
        send(client, "i", "chat.inject", { sessionKey: "agent:main:main", message: "to all" })
        const event = yield* client.socket.find((text) => {
          const frame = JSON.parse(text) as Frame
          return frame.type === "event" ? frame : undefined
        })
        expect(Object.keys(event)).toEqual(["type", "seq", "event", "payload"])
      }),
    )
  })
})
