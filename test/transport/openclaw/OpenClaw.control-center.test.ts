/**
 * Control Center: a client of protocol 3 that reads `result` and `params`, counts errors by numbers, and takes the first
 * frame after its `connect` for the answer. Its frames are read here as its program reads them.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { enter, type Frame, open, type OpenClawClient } from "../../support/OpenClawClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"

/** What its JSON decoder takes: a text where it expects a number ends the connection, and so on. */
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

/** Every frame is one that it can read; the next answer to the request. */
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
    it.effect("connects, syncs, and hears what changes", () =>
      Effect.gen(function* () {
        // Others make events all the while: none may come between its connect and the answer.
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

        // It subscribes to nothing.
        const told = (event: string, of = "") =>
          client.socket.find((text) => {
            const frame = decode(JSON.parse(text))
            return frame.event === event && text.includes(of) ? frame.params : undefined
          })
        expect(yield* told("sessions.changed")).toMatchObject({ sessionKey: "agent:main:main" })
        yield* Fiber.interrupt(noise)
        yield* enter({ client: { id: "newcomer", mode: "test" } })
        expect(yield* told("presence", "newcomer")).toMatchObject({ presence: expect.any(Array) })
        const { client: keeper } = yield* enter()
        yield* keeper.ask("agents.update", { agentId: "main", name: "Renamed" })
        expect(yield* told("agent.config")).toMatchObject({ agentId: "main", name: "Renamed" })
      }),
    )

    it.effect("is told errors by numbers, also the one that keeps it out", () =>
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

    it.effect("has its own words for itself alone: others of protocol 3 get the frames of theirs", () =>
      Effect.gen(function* () {
        yield* connected
        const { client } = yield* enter({ minProtocol: 3, maxProtocol: 3 })
        yield* client.ask("chat.inject", { sessionKey: "agent:main:main", message: "to all" })
        const event = yield* client.socket.find((text) => {
          const frame = JSON.parse(text) as Frame
          return frame.type === "event" ? frame : undefined
        })
        expect(Object.keys(event)).toEqual(["type", "seq", "event", "payload"])
      }),
    )
  })
})
