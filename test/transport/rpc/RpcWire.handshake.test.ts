/** Authentication on /rpc, by the HTTP request and by a message, and the limits before it. */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { ListeningAddress } from "../../../src/transport/http/GatewayServer.ts"
import { READ_TOKEN, stubGateway, TOKEN } from "../../support/StubGateway.ts"
import * as TestSocket from "../../support/TestSocket.ts"

const request = (id: number | string, tag: string, payload: unknown = {}) =>
  JSON.stringify({ _tag: "Request", id, tag, payload, headers: [] })

const refused = (requestId: number, reason: string) => ({
  _tag: "Exit",
  requestId,
  exit: { _tag: "Failure", cause: [{ _tag: "Fail", error: { _tag: "Unauthenticated", reason } }] },
})

const pong = { _tag: "Pong" }

const connect = (path: string, headers: Record<string, string> = {}) =>
  Effect.flatMap(ListeningAddress, ({ authority }) => TestSocket.connect(`ws://${authority}${path}`, { headers }))

const next = (socket: TestSocket.TestSocket) => Effect.map(socket.next, (frame): any => JSON.parse(frame))

const limits = { preAuthFrameBytes: 1_000, frameBytes: 10_000, handshakeTimeoutMs: 60_000 }

describe("A client that authenticates with its HTTP request", () => {
  layer(stubGateway({ limits }), { excludeTestServices: true })((it) => {
    it.effect.each([
      { name: "a header", path: "/rpc", headers: { Authorization: `Bearer ${TOKEN}` } },
      { name: "a header in small letters", path: "/rpc", headers: { authorization: `bearer  ${TOKEN}` } },
      { name: "a query", path: `/rpc?token=${TOKEN}`, headers: {} },
      { name: "a query with other parameters", path: `/rpc?a=b&token=${encodeURIComponent(TOKEN)}&c`, headers: {} },
      {
        name: "a header, with another token in the query",
        path: "/rpc?token=wrong",
        headers: { Authorization: `Bearer ${TOKEN}` },
      },
    ])("A client with its token in $name may call at once.", ({ headers, path }) =>
      Effect.gen(function* () {
        const socket = yield* connect(path, headers)
        socket.send(request(1, "ping"))
        expect((yield* next(socket)).exit._tag).toBe("Success")
      }),
    )

    it.effect.each([
      { name: "in a header", path: "/rpc", headers: { Authorization: "Bearer wrong" } },
      { name: "in the query", path: "/rpc?token=wrong", headers: {} },
      { name: "in the query, and empty", path: "/rpc?token=", headers: {} },
    ])("The gateway refuses the upgrade of a client with a wrong token $name with 401.", ({ headers, path }) =>
      Effect.gen(function* () {
        expect((yield* Effect.flip(connect(path, headers))).status).toBe(401)
      }),
    )

    it.effect("An authenticated client may send large frames.", () =>
      Effect.gen(function* () {
        const socket = yield* connect(`/rpc?token=${TOKEN}`)
        socket.send(`${request(1, "ping")}${" ".repeat(9_000)}`)
        expect((yield* next(socket)).exit._tag).toBe("Success")
      }),
    )

    it.effect("A client may call the methods of its scopes, and a refusal names the missing scope.", () =>
      Effect.gen(function* () {
        const socket = yield* connect(`/rpc?token=${READ_TOKEN}`)
        socket.send(request(1, "presence.list"), request(2, "connections.list"))
        expect((yield* next(socket)).exit._tag).toBe("Success")
        expect((yield* next(socket)).exit.cause).toEqual([
          {
            _tag: "Fail",
            error: { _tag: "Forbidden", method: "connections.list", missingScope: "operator.admin" },
          },
        ])
      }),
    )
  })
})

describe("A client that has not authenticated", () => {
  layer(stubGateway({ limits }), { excludeTestServices: true })((it) => {
    it.effect("The calls after an authentication message are answered after the authentication.", () =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const socket = yield* connect("/rpc")
        socket.send(request(1, "authenticate", { token: TOKEN }), request(2, "ping"))
        const { exit } = yield* next(socket)
        expect(exit.value.principal).toEqual({
          id: "operator",
          kind: "token",
          role: "operator",
          scopes: expect.arrayContaining(["operator.admin"]),
        })
        expect((yield* next(socket)).exit._tag).toBe("Success")
        const { connectionId } = exit.value
        expect(connections.presence().map((entry) => entry.connectionId)).toContain(connectionId)
        socket.send(`${request(3, "ping")}${" ".repeat(9_000)}`)
        expect((yield* next(socket)).exit._tag).toBe("Success")
      }),
    )

    it.effect.each([
      { name: "a wrong token", payload: { token: "wrong" }, reason: "invalid" },
      { name: "no token", payload: {}, reason: "missing" },
      { name: "a token that is a number", payload: { token: 42 }, reason: "missing" },
      { name: "no parameters", payload: null, reason: "missing" },
    ])("A client that authenticates with $name gets the reason and a close.", ({ payload, reason }) =>
      Effect.gen(function* () {
        const socket = yield* connect("/rpc")
        socket.send(request(1, "authenticate", payload))
        expect(yield* next(socket)).toEqual(refused(1, reason))
        expect(yield* socket.closed).toEqual({ code: 4003, reason: `unauthenticated: ${reason}` })
      }),
    )

    it.effect("The gateway refuses every other call, and the client may still authenticate.", () =>
      Effect.gen(function* () {
        const socket = yield* connect("/rpc")
        socket.send(request(1, "ping"), request(2, "no such method"), '{"_tag":"Ping"}')
        const answers = [yield* next(socket), yield* next(socket), yield* next(socket)]
        // The pong overtakes the answers.
        expect(answers).toEqual([pong, refused(1, "missing"), refused(2, "missing")])
        socket.send(request(3, "authenticate", { token: TOKEN }))
        expect((yield* next(socket)).exit._tag).toBe("Success")
      }),
    )

    it.effect.each([
      { name: "that is not JSON", send: "hello", problem: "the frame is not JSON" },
      {
        name: "of another protocol",
        send: '{"type":"connect"}',
        problem: "a message's _tag must be Request, Ack, Interrupt, Ping or Eof",
      },
    ])("A frame $name gets its problem and a close with the problem.", ({ problem, send }) =>
      Effect.gen(function* () {
        const socket = yield* connect("/rpc")
        socket.send(send)
        expect(yield* next(socket)).toEqual({ _tag: "Defect", defect: problem })
        expect(yield* socket.closed).toEqual({ code: 1008, reason: `policy violation: ${problem}` })
      }),
    )

    it.effect("The gateway closes a client that sends a large frame before it authenticates.", () =>
      Effect.gen(function* () {
        const socket = yield* connect("/rpc")
        socket.send(request(1, "authenticate", { token: "x".repeat(1_000) }))
        expect(yield* socket.closed).toEqual({ code: 1009, reason: "frame too big" })
      }),
    )
  })

  layer(stubGateway({ limits: { handshakeTimeoutMs: 50 } }), { excludeTestServices: true })((it) => {
    it.effect("The gateway closes a client that does not authenticate in time, and no other client.", () =>
      Effect.gen(function* () {
        const authenticated = yield* connect(`/rpc?token=${TOKEN}`)
        const socket = yield* connect("/rpc")
        expect(yield* socket.closed).toEqual({ code: 4002, reason: "not authenticated in time" })
        expect(authenticated.isOpen).toBe(true)
      }),
    )
  })
})

describe("A client that has authenticated", () => {
  layer(stubGateway(), { excludeTestServices: true })((it) => {
    it.effect("A client may authenticate again, and a wrong token has no effect but its answer.", () =>
      Effect.gen(function* () {
        const socket = yield* connect(`/rpc?token=${TOKEN}`)
        socket.send(request(1, "authenticate", { token: TOKEN }), request(2, "authenticate", { token: "wrong" }))
        expect((yield* next(socket)).exit.value.principal.id).toBe("operator")
        expect(yield* next(socket)).toEqual(refused(2, "invalid"))
        socket.send(request(3, "ping"))
        expect((yield* next(socket)).exit._tag).toBe("Success")
      }),
    )
  })

  layer(stubGateway({ auth: "none" }), { excludeTestServices: true })((it) => {
    it.effect("Every client is authenticated if the gateway requires no authentication.", () =>
      Effect.gen(function* () {
        for (const path of ["/rpc", "/rpc?token=whatever"]) {
          const socket = yield* connect(path)
          socket.send(request(1, "ping"), request(2, "authenticate", { token: "whatever" }))
          expect((yield* next(socket)).exit._tag).toBe("Success")
          expect((yield* next(socket)).exit._tag).toBe("Success")
        }
      }),
    )
  })
})
