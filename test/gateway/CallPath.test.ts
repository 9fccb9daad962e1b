/**
 * Every method of the contract runs through the middleware once, by whichever wire, route or query a client calls it.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import { Authorized } from "../../src/domain/Refusal.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as OpenClawClient from "../support/OpenClawClient.ts"
import * as TestGateway from "../support/TestGateway.ts"
import { connect } from "../support/TestSocket.ts"

/** The methods that have passed the middleware, in order. */
const counted: Array<string> = []

const counting = Layer.effect(
  Authorized,
  Effect.map(Authorized, (authorize) =>
    Authorized.of((effect, options) =>
      Effect.suspend(() => {
        counted.push(options.rpc._tag)
        return authorize(effect, options)
      }),
    ),
  ),
)

const layer = TestGateway.client.pipe(
  Layer.provideMerge(TestGateway.layer({ routes: Layer.provide(Gateway.parts.routes, counting) })),
)

/** Runs the effect and returns the methods that it has called, in order of name. */
const methodsOf = (effect: Effect.Effect<unknown, unknown, TestGateway.TestGateway | GatewayClient>) =>
  Effect.gen(function* () {
    counted.length = 0
    yield* effect
    return counted.toSorted()
  })

const speak = (path: string, frame: object, isReply: (text: string) => boolean) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { token, wsUrl } = yield* TestGateway.TestGateway
      const socket = yield* connect(`${wsUrl}${path}?token=${token}`)
      socket.send(JSON.stringify(frame))
      return yield* socket.find((text) => (isReply(text) ? text : undefined))
    }),
  )

const http = (path: string, init: RequestInit = {}) =>
  Effect.gen(function* () {
    const { token, url } = yield* TestGateway.TestGateway
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
    const response = yield* Effect.promise(() => fetch(`${url}${path}`, { ...init, headers }))
    expect(response.status).toBe(200)
    return yield* Effect.promise(() => response.text())
  })

const rpc = (method: string, params: object = {}) => ({ jsonrpc: "2.0", id: 1, method, params })

describe("The middleware", () => {
  it.layer(layer, { excludeTestServices: true })((it) => {
    it.effect("A call on /rpc passes it once.", () =>
      Effect.gen(function* () {
        const { calls } = yield* GatewayClient
        expect(yield* methodsOf(calls["agents.list"]({}))).toEqual(["agents.list"])
      }),
    )

    it.effect("A contract method on JSON-RPC passes it once.", () =>
      Effect.gen(function* () {
        const call = speak("/jsonrpc", rpc("gateway.agents.list"), (text) => text.includes('"result"'))
        expect(yield* methodsOf(call)).toEqual(["agents.list"])
      }),
    )

    it.effect("A streaming method on JSON-RPC passes it once.", () =>
      Effect.gen(function* () {
        const call = speak("/jsonrpc", rpc("chat.stream", { text: "hello" }), (text) => text.includes('"result"'))
        expect(yield* methodsOf(call)).toEqual(["chat.stream"])
      }),
    )

    it.effect("A method of JSON-RPC's own passes it once for each call that it makes.", () =>
      Effect.gen(function* () {
        const call = speak("/jsonrpc", rpc("send", { text: "hello" }), (text) => text.includes('"result"'))
        expect(yield* methodsOf(call)).toEqual(["chat.send", "runs.wait"])
      }),
    )

    it.effect("JSON-RPC over HTTP passes it once.", () =>
      Effect.gen(function* () {
        const call = http("/jsonrpc", { method: "POST", body: JSON.stringify(rpc("gateway.agents.list")) })
        expect(yield* methodsOf(call)).toEqual(["agents.list"])
      }),
    )

    it.effect("A REST call passes it once, and so does a streaming one.", () =>
      Effect.gen(function* () {
        const call = http("/api/rpc/agents.list", { method: "POST", body: "{}" })
        expect(yield* methodsOf(call)).toEqual(["agents.list"])
        const stream = http("/api/rpc/chat.stream", { method: "POST", body: JSON.stringify({ text: "hello" }) })
        expect(yield* methodsOf(stream)).toEqual(["chat.stream"])
      }),
    )

    it.effect("A request on Mission Control's channels passes it once.", () =>
      Effect.gen(function* () {
        const call = speak("/ws/mission-control", { type: "request", resource: "status" }, (text) =>
          text.includes('"type":"status"'),
        )
        expect(yield* methodsOf(call)).toEqual(["health", "status"])
      }),
    )

    it.effect("A route of Mission Control passes it once.", () =>
      Effect.gen(function* () {
        expect(yield* methodsOf(http("/api/status"))).toEqual(["health", "status"])
      }),
    )

    it.effect("A method of OpenClaw passes it once for each call that it makes.", () =>
      Effect.gen(function* () {
        const { client } = yield* OpenClawClient.enter()
        const status = Effect.gen(function* () {
          client.send({ type: "req", id: "s", method: "status", params: {} })
          return yield* client.answer("s")
        })
        const methods = yield* methodsOf(status)
        expect(methods).toContain("status")
        expect(methods.filter((method) => method === "status")).toEqual(["status"])
        expect(methods).toContain("sessions.list")
      }),
    )
  })
})
